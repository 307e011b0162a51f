"""What users write agents with: what one sees (`view`), what it can do (`actions`), and how it is
found, checked and called (`user_agents`, `in_time`). See docs/agents.md.
"""
