"""Risk parameters of a vault: what is refused, how thresholds ramp, when switches turn."""

import pytest

from tests.contracts.support import (
    BPS,
    DAY,
    MAX_UINT,
    USD,
    WAD,
    YEAR,
    ZERO_ADDRESS,
    account_id,
    reserve_config,
    reverts,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"ltvBps": 8_001},
        {"minBonusBps": 501},
        {"liquidationFeeBps": BPS // 2 + 1},
        {"maxBonusBps": 2_500},
        {"ltBps": 9_524, "ltvBps": 0},
        {"ltBps": BPS, "maxBonusBps": 0, "minBonusBps": 0},
    ],
    ids=str,
)
def test_set_reserve__parameters_unsound__are_refused(vault, weth, set_reserve, changes):
    """ltv <= lt, min <= max bonus, fee <= bonus, lt (1 + max bonus) < 1."""
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"ltvBps": 8_000},
        {"liquidationFeeBps": BPS // 2},
        {"maxBonusBps": 2_499},
        {"ltBps": 9_523},
        {"ltvBps": 0, "ltBps": 8_000, "maxBonusBps": 0, "minBonusBps": 0},
    ],
    ids=str,
)
def test_set_reserve__parameters_at_the_bounds__are_accepted(
    make_vault, dutch_bonus, weth, set_reserve, changes
):
    """.8 x 1.2499 and .9523 x 1.05 are just below 1, where no engine wants less."""
    vault = make_vault(engine=dutch_bonus)
    tx = set_reserve(weth, on=vault, **changes)
    config = reserve_config(**changes)
    assert vault.ReserveSet.abi.selector in {log.abi.selector for log in tx.events}
    seen = vault.reserveAt(0)
    assert (seen.asset, seen.unit) == (weth.address, WAD)
    assert {name: getattr(seen.config, name) for name in config} == config


@pytest.mark.parametrize(
    ("engine", "bonus", "sound"),
    [
        ("target_health", 1_250, True),
        ("target_health", 1_251, False),
        ("close_factor", 1_875, True),
        ("close_factor", 1_876, False),
    ],
)
def test_set_reserve__no_split_rule__bounds_the_bonus(
    make_vault, deployed, weth, set_reserve, engine, bonus, sound
):
    """.8 x 1.125 = .9 is the health at which the bonus of the one is largest (invariant 18), .8 x
    1.1875 = .95 the one at which the other lets all be repaid.
    """
    vault = make_vault(engine=getattr(deployed, engine))
    if sound:
        set_reserve(weth, on=vault, maxBonusBps=bonus)
    else:
        with reverts(vault.InvalidReserve, asset=weth):
            set_reserve(weth, on=vault, maxBonusBps=bonus)


def test_set_reserve__threshold_raised__is_immediate(vault, weth, set_reserve, unhealthy):
    """Borrowers are better off at once: .83 x 18,000 / 14,760."""
    account = unhealthy()
    set_reserve(weth, ltBps=8_300)
    assert vault.liquidationThreshold(0) == 8_300
    assert vault.health(account).factor == 8_300 * 18_000 * WAD // (14_760 * BPS)


def test_set_reserve__threshold_lowered__falls_linearly(vault, weth, set_reserve, chain):
    """lt = to + down((from - to) left / duration): 80% to 70% within ten days."""
    start = set_reserve(weth, ramp=10 * DAY, ltBps=7_000, ltvBps=6_000).timestamp
    r = vault.reserveAt(0)
    assert (r.ltFromBps, r.rampStart, r.rampEnd) == (8_000, start, start + 10 * DAY)
    seen = []
    for elapsed in (1, DAY, 3 * DAY + 7, 9 * DAY, 10 * DAY - 1, 10 * DAY, 11 * DAY):
        chain.mine(timestamp=start + elapsed)
        left = max(10 * DAY - elapsed, 0)
        seen.append(vault.liquidationThreshold(0))
        assert seen[-1] == 7_000 + 1_000 * left // (10 * DAY)
    assert seen == sorted(seen, reverse=True)
    assert (seen[1], seen[-1]) == (7_900, 7_000)


def test_set_reserve__lowered_again_within_a_ramp__starts_from_where_it_is(
    vault, weth, set_reserve, chain
):
    """No jump: the second ramp begins at the threshold then in force, and is no steeper."""
    start = set_reserve(weth, ramp=10 * DAY, ltBps=7_000, ltvBps=6_000).timestamp
    chain.pending_timestamp = start + 4 * DAY
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, ramp=11 * DAY - 1, ltBps=6_500, ltvBps=6_000)
    chain.pending_timestamp = start + 4 * DAY
    set_reserve(weth, ramp=11 * DAY, ltBps=6_500, ltvBps=6_000)
    assert vault.reserveAt(0).ltFromBps == 7_600
    chain.pending_timestamp += DAY // 2
    set_reserve(weth, ltBps=8_000)
    assert vault.liquidationThreshold(0) == 8_000


def test_set_reserve__ramp_in_force__liquidates_nobody_overnight(
    vault, weth, usdc, set_reserve, open_position, chain
):
    """Health falls from 1.0666 along the ramp and crosses 1 only on its way."""
    account = open_position({weth: 10 * WAD}, {usdc: 15_000 * 10**6})
    start = set_reserve(weth, ramp=10 * DAY, ltBps=7_000, ltvBps=6_000).timestamp
    assert vault.health(account).factor > 106 * WAD // 100
    chain.mine(timestamp=start + 5 * DAY)
    assert vault.health(account).factor == WAD
    assert not vault.isLiquidatable(account)
    chain.mine(timestamp=start + 5 * DAY + 900)
    assert vault.isLiquidatable(account)


def test_set_policy__after_a_ramp__asks_for_the_threshold_in_force(
    vault, weth, target_health, admin, set_reserve, chain
):
    """90% x 1.05 is too much for bonuses that grow down to a health of .9; what it was before a
    ramp does not count once it is below that.
    """
    policy = (target_health, 0, 0, USD, 0, ZERO_ADDRESS)
    set_reserve(weth, ltBps=9_000)
    start = set_reserve(weth, ramp=10 * DAY, ltBps=8_000).timestamp
    # (1 + 5%) lt <= .9 from lt = 85.71% on: after 42.9% of the ramp, on the fifth day
    chain.pending_timestamp = start + 4 * DAY
    with reverts(vault.InvalidReserve, asset=weth):
        vault.setPolicy(policy, sender=admin)
    chain.pending_timestamp = start + 5 * DAY
    vault.setPolicy(policy, sender=admin)
    chain.pending_timestamp = start + 11 * DAY
    vault.setPolicy(policy, sender=admin)


@pytest.mark.parametrize("ramp", [0, 1, 10 * DAY - 1, YEAR + 1])
def test_set_reserve__threshold_lowered_without_a_proper_ramp__is_refused(
    vault, weth, set_reserve, ramp
):
    """Neither at more than a percent a day nor so slowly that it never happens."""
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, ramp=ramp, ltBps=7_000, ltvBps=7_000)


@pytest.mark.parametrize("lent", [True, False], ids=["lent", "escrow"])
def test_set_reserve__rehypothecation__turns_only_when_empty(
    vault, make_vault, weth, borrower, set_reserve, lent
):
    """Shares must not be read as units, nor units as shares."""
    vault = vault if lent else make_vault(rehypothecate=False)
    account = account_id(borrower)
    vault.supply(account, weth, 1, sender=borrower)
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, on=vault, rehypothecate=not lent)
    vault.withdraw(account, weth, MAX_UINT, borrower, sender=borrower)
    set_reserve(weth, on=vault, rehypothecate=not lent)
    assert vault.reserveAt(0).config.rehypothecate != lent


def test_set_reserve__more_than_24_decimals__is_refused(project, vault, admin, set_reserve):
    """The arithmetic's bounds assume at most 18, and six more of a share token."""
    token = admin.deploy(project.TestToken, "FINE", 25)
    with reverts(vault.InvalidReserve, asset=token):
        set_reserve(token)


def test_set_reserve__sixty_fifth__is_refused(project, vault, admin, set_reserve):
    """A bound on the reserves bounds the cost of every health check."""
    listed = vault.reserveCount()
    tokens = [admin.deploy(project.PriceFeed, 18) for _ in range(65 - listed)]
    steps = [vault.setReserve.encode_input(t, reserve_config(), 0) for t in tokens[:-1]]
    vault.multicall(steps, sender=admin)
    assert vault.reserveCount() == 64
    with reverts(vault.InvalidReserve, asset=tokens[-1]):
        set_reserve(tokens[-1])


def test_policy__as_deployed__is_readable(vault, close_factor):
    """Engine, delay, urgent health, dust line; nobody is called."""
    policy = vault.policy()
    assert policy.engine == close_factor.address
    assert (policy.liquidationDelay, policy.urgentHealth) == (0, 0)
    assert (policy.dustValue, policy.marginCallHealth) == (10 * USD, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"engine": "borrower"},
        {"delay": DAY + 1},
        {"urgent": WAD + 1},
        {"dust": 0},
        {"dust": 1_000 * USD + 1},
        {"calls": 1},
        {"calls": WAD - 1},
        {"calls": 2 * WAD + 1},
    ],
    ids=str,
)
def test_set_policy__out_of_bounds__is_refused(vault, close_factor, admin, borrower, changes):
    """An engine must be a contract, the dust line at most what a partial liquidation leaves, and
    whoever is called healthy.
    """
    p = {"engine": close_factor, "delay": 0, "urgent": 0, "dust": 1, "calls": WAD}
    p |= {"guard": ZERO_ADDRESS} | changes
    if p["engine"] == "borrower":
        p["engine"] = borrower
    with reverts(vault.InvalidPolicy):
        vault.setPolicy(tuple(p.values()), sender=admin)


def test_set_policy__engine_that_a_reserve_does_not_suit__is_refused(
    vault, weth, target_health, admin, set_reserve
):
    """.8 x 1.15 is fine for this close factor and not for that bonus that grows with the fall."""
    set_reserve(weth, maxBonusBps=1_500)
    with reverts(vault.InvalidReserve, asset=weth):
        vault.setPolicy((target_health, 0, 0, USD, 0, ZERO_ADDRESS), sender=admin)
    set_reserve(weth)
    most = (target_health, 60, WAD // 2, vault.MIN_LEFTOVER(), 2 * WAD, ZERO_ADDRESS)
    tx = vault.setPolicy(most, sender=admin)
    assert len(tx.decode_logs(vault.PolicySet)) == 1
    assert vault.policy().engine == target_health.address
