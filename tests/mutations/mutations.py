"""The mistakes, as edits of contract and twin."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One mistake."""

    name: str
    says: str
    edits: tuple[tuple[str, str, str], ...]
    """(file, what stands there once, what stands there instead)."""


def _in_both(
    name: str,
    says: str,
    contract: tuple[str, str, str],
    twin: tuple[str, str, str],
    another: tuple[str, str, str] | None = None,
) -> Mutation:
    """In a contract, where that takes it in `another`, too, and in a module of the twin."""
    contracts = (contract, another) if another else (contract,)
    edits = [(f"contracts/{file}.sol", old, new) for file, old, new in contracts]
    module, was, then = twin
    return Mutation(name, says, (*edits, (f"sim/protocol/{module}.py", was, then)))


MUTATIONS = (
    _in_both(
        "borrow-down",
        "borrowing books scaled debt down",
        (
            "HubLedger",
            "scaled = assets.mulDivUp(FixedPoint.RAY, a.borrowIndex)",
            "scaled = assets.mulDivDown(FixedPoint.RAY, a.borrowIndex)",
        ),
        (
            "hub",
            "scaled = mul_div_up(assets, ray(), s.hub[i, BORROW_INDEX])",
            "scaled = mul_div_down(assets, ray(), s.hub[i, BORROW_INDEX])",
        ),
        (
            "VaultAccounts",
            "scaled = amount.mulDivUp(FixedPoint.RAY, hub.accrue(asset))",
            "scaled = amount.mulDivDown(FixedPoint.RAY, hub.accrue(asset))",
        ),
    ),
    _in_both(
        "brackets-flat",
        "the second bracket of collateral counts as much as the first",
        (
            "VaultState",
            "weighted += second * _inForce(r, r.secondFromBps, t.secondLtBps);",
            "weighted += second * _threshold(r);",
        ),
        (
            "vault_reserves",
            "weighted += second * in_force(s, v, i, SECOND_FROM, SECOND_LT)",
            "weighted += second * threshold(s, v, i)",
        ),
    ),
    _in_both(
        "concentration-of-all",
        "an account's collateral may be all that the vault has",
        (
            "VaultAccounts",
            "supplied * FixedPoint.BPS <= total * most)",
            "supplied * FixedPoint.BPS <= total * FixedPoint.BPS)",
        ),
        (
            "vault_accounts",
            "s.position[a, i, SUPPLIED] * BPS <= total * most:",
            "s.position[a, i, SUPPLIED] * BPS <= total * BPS:",
        ),
    ),
    _in_both(
        "draws-one-by-one",
        "a draw cap bounds each draw of a vault, not what it owes",
        (
            "HubLedger",
            "if (drawn + s.reportedDeficit > s.drawCap)",
            "if (assets + s.reportedDeficit > s.drawCap)",
        ),
        (
            "hub",
            "if drawn + s.spoke[spoke, i, REPORTED_DEFICIT] > s.spoke[spoke, i, DRAW_CAP]:",
            "if assets + s.spoke[spoke, i, REPORTED_DEFICIT] > s.spoke[spoke, i, DRAW_CAP]:",
        ),
    ),
    _in_both(
        "repay-up",
        "repaying burns scaled debt up",
        (
            "HubLedger",
            "maxScaled : assets.mulDivDown(FixedPoint.RAY, a.borrowIndex)",
            "maxScaled : assets.mulDivUp(FixedPoint.RAY, a.borrowIndex)",
        ),
        (
            "hub",
            "scaled = mul_div_down(assets, ray(), s.hub[i, BORROW_INDEX])",
            "scaled = mul_div_up(assets, ray(), s.hub[i, BORROW_INDEX])",
        ),
        (
            "VaultPositions",
            "owed : paid.mulDivDown(FixedPoint.RAY, index)",
            "owed : paid.mulDivUp(FixedPoint.RAY, index)",
        ),
    ),
    _in_both(
        "fees-doubled",
        "the protocol takes twice its part of the interest",
        (
            "HubLedger",
            "interest * _rateModels[asset].reserveFactorBps + p.feeRemainder",
            "2 * interest * _rateModels[asset].reserveFactorBps + p.feeRemainder",
        ),
        (
            "hub",
            "interest * s.rates[i, RESERVE_FACTOR] + remainder",
            "2 * interest * s.rates[i, RESERVE_FACTOR] + remainder",
        ),
    ),
    _in_both(
        "fee-fraction-lost",
        "the fraction of a fee is lost",
        (
            "HubLedger",
            "p.feeRemainder = feeInBps - fee * FixedPoint.BPS;",
            "p.feeRemainder = 0;",
        ),
        ("hub", "remainder = less(fee_in_bps, fee * BPS)", "remainder = zero()"),
    ),
    _in_both(
        "no-cubic",
        "the cubic term of interest is left out",
        (
            "libraries/FixedPoint",
            "x / 2 + mulDivHalf(x, x / 6, RAY)",
            "x / 2",
        ),
        ("fixed_point", "div_down(x, 2) + cubic", "div_down(x, 2)"),
    ),
    _in_both(
        "flat-above-the-kink",
        "the second slope of the rate is left out",
        (
            "libraries/FixedPoint",
            "return base + slope1 + mulDivHalf(slope2Bps * RAY_PER_BPS, excess, RAY);",
            "return base + slope1 + 0 * excess * slope2Bps;",
        ),
        (
            "fixed_point",
            "return base + slope1 + mul_div_half(slope2_bps * ray_per_bps(), excess, ray())",
            "return base + slope1 + 0 * excess",
        ),
    ),
    _in_both(
        "debt-value-down",
        "a debt counts down",
        (
            "libraries/FixedPoint",
            "function debtValue(uint256 amount, uint256 price, uint256 unit) internal pure returns "
            "(uint256) {\n        return mulDivUp(amount, price, unit);",
            "function debtValue(uint256 amount, uint256 price, uint256 unit) internal pure returns "
            "(uint256) {\n        return mulDivDown(amount, price, unit);",
        ),
        (
            "fixed_point",
            '"""USD (8 decimals) of a debt, up."""\n    return mul_div_up(amount, price, unit)',
            '"""USD (8 decimals) of a debt, up."""\n    return mul_div_down(amount, price, unit)',
        ),
    ),
    _in_both(
        "no-limit",
        "the borrow limit is not looked at",
        (
            "VaultAccounts",
            "if (h.debtValue * FixedPoint.BPS > h.weightedLimit) revert BorrowLimitExceeded();",
            "",
        ),
        (
            "vault_accounts",
            "    if h.debt_value * BPS > h.weighted_limit:\n"
            "        return BORROW_LIMIT_EXCEEDED\n    if h.factor",
            "    if h.factor",
        ),
    ),
    _in_both(
        "no-floor",
        "debts below the dust line can be opened",
        (
            "VaultAccounts",
            "if (h.leastDebtValue < _policy.dustValue) revert DebtTooSmall();",
            "",
        ),
        (
            "vault_accounts",
            "h.least_debt_value < s.policy[s.account_vault[a], DUST_VALUE]",
            "h.least_debt_value < 0",
        ),
    ),
    _in_both(
        "call-forgotten",
        "whoever is called for margin borrows and withdraws as before",
        (
            "VaultAccounts",
            "h.factor < _policy.marginCallHealth && isCalled(accountId)",
            "h.factor < 0 && isCalled(accountId)",
        ),
        (
            "vault_accounts",
            "h.factor < s.policy[s.account_vault[a], MARGIN_CALL_HEALTH] and is_called(s, a)",
            "h.factor < 0 and is_called(s, a)",
        ),
    ),
    _in_both(
        "call-unanswered",
        "supply and repayment end no margin call",
        ("VaultHealth", " && !isCalled(accountId)) return;", ") return;"),
        ("vault_health", " and not is_called(s, a):", ":"),
    ),
    _in_both(
        "impatient",
        "half of the delay is enough",
        (
            "VaultFlags",
            "block.timestamp >= a.flaggedAt + delay",
            "block.timestamp >= a.flaggedAt + delay / 2",
        ),
        (
            "vault_flags",
            "s.account[a, FLAGGED_AT] + delay\n",
            "s.account[a, FLAGGED_AT] + delay // 2\n",
        ),
    ),
    _in_both(
        "sixty-percent",
        "the close factor is 60 %",
        (
            "liquidation/CloseFactor",
            "CLOSE_FACTOR_BPS = 5_000",
            "CLOSE_FACTOR_BPS = 6_000",
        ),
        ("liquidation", "CLOSE_FACTOR_BPS = 5_000", "CLOSE_FACTOR_BPS = 6_000"),
    ),
    _in_both(
        "head-start",
        "time that nobody saw counts for the bonus that suppliers pay",
        (
            "VaultFlags",
            "if (thin && a.thin && passed <= RECOVERY_GAP)",
            "if (thin && a.thin)",
        ),
        (
            "vault_flags",
            "if thin and row[THIN] != 0 and passed <= RECOVERY_GAP:",
            "if thin and row[THIN] != 0:",
        ),
    ),
    _in_both(
        "grown-while-waiting",
        "time in which nothing could be sold counts for the bonus that suppliers pay",
        (
            "VaultLiquidation",
            "Math.min(thinFor, p.forSaleFor)",
            "thinFor",
        ),
        (
            "vault",
            "min(seconds_thin, of_debt.for_sale_for, of_collateral.for_sale_for)",
            "seconds_thin",
        ),
    ),
    _in_both(
        "all-too-early",
        "all may be repaid from a health of .99 down",
        (
            "liquidation/CloseFactor",
            "c.healthFactor <= fullCloseHealth",
            "c.healthFactor <= 0.99e18",
        ),
        (
            "liquidation",
            "c.health_factor <= full_close_health",
            "c.health_factor <= 99 * wad() // 100",
        ),
    ),
    _in_both(
        "no-fee-of-liquidations",
        "the protocol gets nothing of the bonus",
        (
            "libraries/Amounts",
            "fee = (seized - seized.mulDivDown(FixedPoint.BPS, rate)).mulDivUp(feeBps, "
            "FixedPoint.BPS);",
            "fee = (seized - seized.mulDivDown(FixedPoint.BPS, rate)).mulDivUp(0 * feeBps, "
            "FixedPoint.BPS);",
        ),
        (
            "liquidation",
            "fee = mul_div_up(seized - mul_div_down(seized, BPS, rate), fee_bps, BPS)",
            "fee = mul_div_up(seized - mul_div_down(seized, BPS, rate), 0 * fee_bps, BPS)",
        ),
    ),
    _in_both(
        "one-percent-more",
        "a percent more is seized than what is repaid and the bonus",
        (
            "libraries/Amounts",
            "uint256 rate = FixedPoint.BPS + bonusBps;",
            "uint256 rate = FixedPoint.BPS + bonusBps + 100;",
        ),
        ("liquidation", "rate = BPS + bonus_bps", "rate = BPS + bonus_bps + 100"),
    ),
    _in_both(
        "one-leg-of-dust",
        "dust of collateral may be left",
        (
            "libraries/Amounts",
            "return debtLeft < MIN_LEFTOVER || collateralLeft < MIN_LEFTOVER;",
            "return debtLeft < MIN_LEFTOVER || collateralLeft < 0;",
        ),
        ("liquidation", "collateral_left < MIN_LEFTOVER", "collateral_left < 0"),
    ),
    _in_both(
        "shares-up",
        "who takes shares gets them up",
        (
            "VaultLiquidation",
            "receiveShares ? hub.toSharesDown(asset, out)",
            "receiveShares ? hub.toSharesUp(asset, out)",
        ),
        (
            "vault",
            "to_liquidator = hub.to_shares_down(s, c, out)",
            "to_liquidator = hub.to_shares_up(s, c, out) + 0",
        ),
    ),
    _in_both(
        "hopeless-too-early",
        "debts are written off above the dust line",
        (
            "VaultLiquidation",
            "return h.forfeitValue < _policy.dustValue &&",
            "return h.forfeitValue < 20 * _policy.dustValue &&",
        ),
        (
            "vault",
            "dust = s.policy[s.account_vault[a], DUST_VALUE]",
            "dust = 20 * s.policy[s.account_vault[a], DUST_VALUE]",
        ),
    ),
    _in_both(
        "half-the-fund",
        "the fund pays half of what it should",
        (
            "InsuranceFund",
            "paid = Math.min(amount, before);",
            "paid = Math.min(amount / 2, before);",
        ),
        (
            "insurance",
            "paid = min(amount, before)",
            "paid = min(amount // 2, before)",
        ),
    ),
    Mutation(
        "parts-ignore-fees",
        "a sale is divided between pools by what they pay after their fees",
        (
            (
                "contracts/libraries/Split.sol",
                "p.keep = FixedPoint.BPS - pair.feeBps();",
                "p.keep = FixedPoint.BPS - 0 * pair.feeBps();",
            ),
            ("sim/protocol/split.py", "keep = BPS - s.pair[p, FEE_BPS]", "keep = BPS"),
            (
                "sim/protocol/split.py",
                "net = part * (BPS - s.pair[p, FEE_BPS])",
                "net = part * BPS",
            ),
        ),
    ),
    Mutation(
        "a-period-too-early",
        "stakes leave at the end of the period in which they are asked to",
        (
            (
                "contracts/InsuranceFund.sol",
                "(p.epoch, p.nextExit + cooldown);",
                "(p.epoch, p.nextExit);",
            ),
            ("contracts/InsuranceFund.sol", "p.leavingAfter += shares;", "p.leaving += shares;"),
            (
                "sim/protocol/insurance.py",
                "now(s, i).next_exit + s.losses[COOLDOWN]",
                "now(s, i).next_exit",
            ),
            (
                "sim/protocol/insurance.py",
                "s.pool[i, LEAVING_AFTER] += shares",
                "s.pool[i, LEAVING] += shares",
            ),
        ),
    ),
    _in_both(
        "losses-before-exits",
        "a loss is taken before those leave whose instant has passed",
        (
            "InsuranceFund",
            "Pool storage p = _settle(asset);\n        uint256 before",
            "Pool storage p = _pools[asset];\n        uint256 before",
        ),
        ("insurance", "    _settle(s, i)\n    before =", "    before ="),
    ),
    _in_both(
        "lost-pools-are-left",
        "who waits to leave when a pool is lost leaves the next one",
        (
            "InsuranceFund",
            "(p.totalShares, p.leaving, p.leavingAfter, p.epoch) = (0, 0, 0, p.epoch + 1);",
            "(p.totalShares, p.epoch) = (p.leaving + p.leavingAfter, p.epoch + 1);",
        ),
        (
            "insurance",
            "    s.pool[i, POOL_SHARES] = zero()\n    s.pool[i, LEAVING] = zero()\n"
            "    s.pool[i, LEAVING_AFTER] = zero()\n",
            "    s.pool[i, POOL_SHARES] = s.pool[i, LEAVING] + s.pool[i, LEAVING_AFTER]\n",
        ),
    ),
    _in_both(
        "lost-by-price",
        "a loss wipes out whoever staked when a share had lost nearly all of its first price",
        (
            "InsuranceFund",
            "if (_isLost(p.assets, before)) _beginAnew(p);",
            "if (p.assets * FixedPoint.SHARES_OF_A_LOST_POOL < p.totalShares) _beginAnew(p);",
        ),
        (
            "insurance",
            "if _is_lost(s.pool[i, POOL_ASSETS], before):",
            "if s.pool[i, POOL_ASSETS] * SHARES_OF_A_LOST_POOL < s.pool[i, POOL_SHARES]:",
        ),
    ),
    _in_both(
        "any-large-stake-begins-anew",
        "a stake takes the place of those it is a million times as large as, ruined or not",
        (
            "InsuranceFund",
            "if (p.assets * FixedPoint.SHARES_OF_A_LOST_POOL < p.totalShares && _isLost",
            "if (p.totalShares != 0 && _isLost",
        ),
        (
            "insurance",
            "if p.assets * SHARES_OF_A_LOST_POOL < total and _is_lost",
            "if total != 0 and _is_lost",
        ),
    ),
    _in_both(
        "stakes-up",
        "stakes leave with a unit more than they are worth",
        (
            "InsuranceFund",
            "        p.assets -= assets;\n",
            "        if (assets != 0 && assets < p.assets) ++assets;\n"
            "        p.assets -= assets;\n",
        ),
        (
            "insurance",
            "    return mul_div_down(shares, assets + VIRTUAL_ASSETS, total + VIRTUAL_SHARES)\n",
            "    worth = mul_div_down(shares, assets + VIRTUAL_ASSETS, total + VIRTUAL_SHARES)\n"
            "    return worth + 1 if worth not in (0, assets) else worth\n",
        ),
    ),
    _in_both(
        "no-ramp",
        "a threshold falls at once",
        (
            "VaultState",
            "block.timestamp >= end) return to;",
            "block.timestamp >= start) return to;",
        ),
        (
            "vault_reserves",
            "if s.clock[0] >= end:",
            "if s.clock[0] >= start:",
        ),
    ),
    _in_both(
        "steward-further",
        "a council changes a parameter by a unit more than it may",
        (
            "RiskSteward",
            "if (change == 0 || change > most || to >= below)",
            "if (change == 0 || change > most + 1 || to >= below)",
        ),
        (
            "steward",
            "if change == 0 or change > most or after >= below:",
            "if change == 0 or change > most + 1 or after >= below:",
        ),
    ),
    _in_both(
        "steward-sooner",
        "a parameter rests a second less than it must",
        (
            "RiskSteward",
            "changedAt[u.target][u.asset][u.parameter] + _minDelay)",
            "changedAt[u.target][u.asset][u.parameter] + _minDelay - 1)",
        ),
        (
            "steward",
            "if s.clock[0] < s.changes[v, i, parameter] + s.bounds[MIN_DELAY]:",
            "if s.clock[0] < s.changes[v, i, parameter] + s.bounds[MIN_DELAY] - 1:",
        ),
    ),
    _in_both(
        "venue-without-fee",
        "a venue takes no fee",
        (
            "market/ConstantProductPair",
            "uint256 net = amountIn * (FixedPoint.BPS - feeBps);",
            "uint256 net = amountIn * (FixedPoint.BPS - 0 * feeBps);",
        ),
        ("pair", "net = amount_in * (BPS - s.pair[p, FEE_BPS])", "net = amount_in * BPS"),
    ),
    _in_both(
        "withdraw-down",
        "withdrawing burns shares down",
        (
            "VaultAccounts",
            "supplied = lent ? hub.toSharesUp(asset, amount) : amount;",
            "supplied = lent ? hub.toSharesDown(asset, amount) : amount;",
        ),
        (
            "vault_accounts",
            "supplied = hub.to_shares_up(s, i, amount)",
            "supplied = hub.to_shares_down(s, i, amount)",
        ),
    ),
    _in_both(
        "deleverage-unstrained",
        "while the mode is on, also an asset that is not strained is deleveraged",
        ("VaultDeleveraging", "return on && strained;", "return on;"),
        (
            "vault_deleveraging",
            "if seen.on_since == 0 or not seen.strained:",
            "if seen.on_since == 0:",
        ),
    ),
    _in_both(
        "deleverage-down",
        "who takes all collateral of an account at par pays for it down",
        (
            "libraries/Amounts",
            "repaid = Math.max(repaid, needed);",
            "repaid = Math.min(repaid, needed - 1);",
        ),
        (
            "liquidation",
            "Amounts(max(moved.repaid, needed), moved.seized, moved.fee)",
            "Amounts(min(moved.repaid, needed - 1), moved.seized, moved.fee)",
        ),
    ),
    _in_both(
        "bucket-that-does-not-fill",
        "what leaves is not counted against the outflow limit",
        (
            "HubLedger",
            "_fill(asset, level + assets, capacity);",
            "_fill(asset, level, capacity);",
        ),
        ("hub", "fill(s, i, level + assets, capacity)", "fill(s, i, level, capacity)"),
    ),
    _in_both(
        "breaker-not-asked",
        "an open breaker stops nothing",
        (
            "RiskGuard",
            "if (_isStopped(action, exempt) && _isOpen(b)) revert BreakerOpen();",
            "",
        ),
        (
            "risk_guard",
            "    if stopped and is_open(s, v, i):\n        return BREAKER_OPEN\n    return OK",
            "    return OK",
        ),
    ),
    _in_both(
        "category-bonus-of-the-reserve",
        "who liquidates an account in a category gets the bonus of the reserve",
        (
            "VaultState",
            "return counts ? k.config.maxBonusBps : _reserves[i].config.maxBonusBps;",
            "return _reserves[i].config.maxBonusBps;",
        ),
        (
            "vault_reserves",
            "return s.category[v, k, CATEGORY_MAX_BONUS] if k != 0 else s.reserve[v, i, MAX_BONUS]",
            "return s.reserve[v, i, MAX_BONUS]",
        ),
    ),
    _in_both(
        "category-lends-everything",
        "an account in a category borrows what the category does not lend",
        (
            "VaultAccounts",
            "(_categories[a.category].config.borrowBits >> i) & 1 == 0) revert NotInCategory();",
            "false) revert NotInCategory();",
        ),
        (
            "vault_accounts",
            "if k != 0 and s.member[v, k, i, LENT_IN] == 0:",
            "if False:",
        ),
    ),
    _in_both(
        "category-that-lets-go",
        "what is collateral of a category may be taken out of it at once",
        ("VaultParameters", "k.config.collateralBits & ~config.collateralBits == 0 &&", ""),
        (
            "vault_parameters",
            "if backs < was or (backs > was and threshold(s, v, i) > from_):",
            "if backs > was and threshold(s, v, i) > from_:",
        ),
    ),
    _in_both(
        "message-twice",
        "a message of another chain mints as often as it comes",
        ("periphery/BridgedCollateral", "if (received[nonce]) revert AlreadyReceived();", ""),
        ("bridge", "if s.received[i, nonce] != 0:", "if False:"),
    ),
    _in_both(
        "messages-without-limit",
        "what messages minted is not counted against their limit",
        (
            "periphery/BridgedCollateral",
            "_bucket = Bucket(uint112(filled + amount),",
            "_bucket = Bucket(uint112(filled),",
        ),
        (
            "bridge",
            "s.bridge[i, BUCKET_FILLED] = filled + amount",
            "s.bridge[i, BUCKET_FILLED] = filled",
        ),
    ),
)
