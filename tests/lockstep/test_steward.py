"""A steward's council, on twin and EVM side by side: how far, how often and how late it may go, to
the unit and the second, and what is left of it that it may do.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import (
    CHANGE_OUT_OF_BOUNDS,
    CHANGED_LATELY,
    INVALID_RATE_MODEL,
    INVALID_RESERVE,
    NOT_AUTHORISED,
    NOT_YET_PUBLISHED,
    OK,
    UPDATE_EXPIRED,
    UPDATE_SUPERSEDED,
    VALUE_ZERO,
    WRONG_TARGET,
)
from sim.protocol.state import (
    BORROW_CAP,
    BORROW_INDEX,
    BORROW_RATE,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    RAMP_END,
    RAMP_START,
    SLOPE1,
    SLOPE2,
    SUPPLY_CAP,
)
from sim.protocol.vault_accounts import health
from sim.protocol.vault_reserves import threshold
from tests.lockstep.besides import Machine

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
COUNCIL, STRANGER = 0, 1
HUB = 2
"""Behind vaults 0 and 1."""
OF_LTV, OF_LT, OF_MAX_BONUS, OF_MIN_BONUS, OF_SUPPLY_CAP, OF_BORROW_CAP, OF_SLOPE1, OF_SLOPE2 = (
    range(8)
)
COLUMNS = (LTV, LT, MAX_BONUS, MIN_BONUS, SUPPLY_CAP, BORROW_CAP)
DELAY, RAMP, MOST = 90_000, 86_400, 100
HOUR, YEAR = 3_600, 365 * 86_400


@pytest.fixture
def market() -> Machine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares. WETH
    has caps in vault 0, so that they can rise, and a limit well below its threshold.
    """
    m = Machine()
    for cap in (SUPPLY_CAP, BORROW_CAP):
        assert m.configure(WETH, 0, {cap: 10**24 + 1}, 0) == OK
    assert m.configure(WETH, 0, {LTV: 7_000}, 0) == OK
    return m


def publish(
    m: Machine,
    parameter: int,
    value: int,
    *,
    v: int = 0,
    i: int = WETH,
    age: int = 0,
    actor: int = COUNCIL,
) -> int:
    """What becomes of an update that was published `age` seconds ago."""
    at = int(m.s.clock[0]) - age
    return m.do(op.update_parameter, actor, i, v, value, at, parameter)


def reserve(m: Machine, column: int) -> int:
    return int(m.s.reserve[0, WETH, column])


# --- how far --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize("parameter", [OF_LTV, OF_LT, OF_MAX_BONUS, OF_MIN_BONUS])
def test_a_ratio_changes_by_a_hundred_basis_points_at_most(
    market: Machine, parameter: int, sign: int
) -> None:
    m, column = market, COLUMNS[parameter]
    assert m.configure(WETH, 0, {MAX_BONUS: 500, MIN_BONUS: 200}, 0) == OK
    before = reserve(m, column)
    assert publish(m, parameter, before) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, parameter, before + sign * (MOST + 1)) == CHANGE_OUT_OF_BOUNDS
    assert reserve(m, column) == before
    assert publish(m, parameter, before + sign * MOST) == OK
    assert reserve(m, column) == before + sign * MOST


@pytest.mark.parametrize("sign", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize("parameter", [OF_SLOPE1, OF_SLOPE2])
def test_a_slope_changes_by_a_hundred_basis_points_at_most(
    market: Machine, parameter: int, sign: int
) -> None:
    m, column = market, SLOPE1 if parameter == OF_SLOPE1 else SLOPE2
    before = int(m.s.rates[WETH, column])
    for too_much in (0, sign * (MOST + 1)):
        assert publish(m, parameter, before + too_much, v=HUB) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, parameter, before + sign * MOST, v=HUB) == OK
    assert int(m.s.rates[WETH, column]) == before + sign * MOST


@pytest.mark.parametrize("sign", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize("parameter", [OF_SUPPLY_CAP, OF_BORROW_CAP])
def test_a_cap_changes_by_a_fifth_of_itself_at_most(
    market: Machine, parameter: int, sign: int
) -> None:
    """Down: of 10^24 + 1 that is 2 x 10^23."""
    m, fifth = market, 2 * 10**23
    before = reserve(m, COLUMNS[parameter])
    for change in (0, sign * (fifth + 1)):
        assert publish(m, parameter, before + change) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, parameter, before + sign * fifth) == OK
    assert reserve(m, COLUMNS[parameter]) == before + sign * fifth


@pytest.mark.parametrize("parameter", range(8))
def test_nothing_becomes_zero(market: Machine, parameter: int) -> None:
    """Not by the smallest change there is."""
    m = market
    assert m.configure(WETH, 0, {MIN_BONUS: 1, MAX_BONUS: 1, SUPPLY_CAP: 1, BORROW_CAP: 1}, 0) == OK
    assert publish(m, parameter, 0, v=HUB if parameter >= OF_SLOPE1 else 0) == VALUE_ZERO


def test_a_cap_stays_an_amount(market: Machine) -> None:
    """2^112 is none; what is at the edge may fall."""
    m, most = market, 2**112 - 1
    assert m.configure(WETH, 0, {SUPPLY_CAP: most - 1}, 0) == OK
    assert publish(m, OF_SUPPLY_CAP, most + 1) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, OF_SUPPLY_CAP, most) == OK


def test_nothing_is_cut_off_to_fit(market: Machine) -> None:
    """A value whose last bits are a small change is none."""
    for parameter, column, bits in ((OF_LTV, LTV, 16), (OF_SUPPLY_CAP, SUPPLY_CAP, 112)):
        value = reserve(market, column) - 1 + (1 << bits)
        assert publish(market, parameter, value) == CHANGE_OUT_OF_BOUNDS
    slope = int(market.s.rates[WETH, SLOPE1]) + 1 + (1 << 32)
    assert publish(market, OF_SLOPE1, slope, v=HUB) == CHANGE_OUT_OF_BOUNDS


# --- how often, how late --------------------------------------------------------------------------


def test_a_parameter_rests_after_a_change(market: Machine) -> None:
    """To the second; of other parameters, and of other assets, nobody waits for it."""
    m = market
    assert publish(m, OF_LTV, 6_990) == OK
    m.s.clock[0] += DELAY - 1
    assert publish(m, OF_LTV, 6_980) == CHANGED_LATELY
    assert publish(m, OF_MAX_BONUS, 480) == OK
    assert publish(m, OF_LTV, 6_990, i=DAI) == OK
    m.s.clock[0] += 1
    assert publish(m, OF_LTV, 6_980) == OK


def test_what_was_refused_changes_no_time(market: Machine) -> None:
    m = market
    assert publish(m, OF_LTV, 7_101) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, OF_MAX_BONUS, 199, i=WBTC, v=1) == CHANGE_OUT_OF_BOUNDS
    assert publish(m, OF_LTV, 7_100, age=60) == OK


def test_an_update_is_good_for_six_hours(market: Machine) -> None:
    m = market
    assert publish(m, OF_LTV, 6_990, age=-1) == NOT_YET_PUBLISHED
    assert publish(m, OF_LTV, 6_990, age=6 * HOUR + 1) == UPDATE_EXPIRED
    assert publish(m, OF_LTV, 6_990, age=6 * HOUR) == OK


def test_a_report_is_superseded_by_one_that_is_newer(market: Machine) -> None:
    """By a second; several parameters of one report are applied in any order, later ones too."""
    m = market
    assert publish(m, OF_LTV, 6_990, age=HOUR) == OK
    assert publish(m, OF_MAX_BONUS, 490, age=HOUR + 1) == UPDATE_SUPERSEDED
    assert publish(m, OF_MAX_BONUS, 490, age=HOUR) == OK
    assert publish(m, OF_LTV, 7_490, age=HOUR + 1, v=1) == OK, "another vault, another report"


# --- who, of what ---------------------------------------------------------------------------------


def test_nobody_but_the_council_publishes(market: Machine) -> None:
    assert publish(market, OF_LTV, 6_990, actor=STRANGER) == NOT_AUTHORISED
    assert publish(market, OF_SLOPE1, 410, v=HUB, actor=STRANGER) == NOT_AUTHORISED


def test_vaults_have_no_slopes_and_the_hub_has_no_thresholds(market: Machine) -> None:
    assert publish(market, OF_SLOPE1, 410) == WRONG_TARGET
    assert publish(market, OF_LT, 7_990, v=HUB) == WRONG_TARGET


def test_what_the_vault_and_the_hub_refuse_stays_refused(market: Machine) -> None:
    """A borrow limit above its threshold, a bonus beyond the no-split rule, or below the least, and
    a rate of more than 1,000%.
    """
    m = market
    assert m.configure(WETH, 0, {LTV: 8_000, MIN_BONUS: 500}, 0) == OK
    assert publish(m, OF_LTV, 8_001) == INVALID_RESERVE
    assert publish(m, OF_LT, 7_999) == INVALID_RESERVE
    assert publish(m, OF_MIN_BONUS, 501) == INVALID_RESERVE
    assert publish(m, OF_MAX_BONUS, 499) == INVALID_RESERVE
    assert m.configure(WETH, 0, {LTV: 8_000, LT: 9_000}, 0) == OK
    assert publish(m, OF_MAX_BONUS, 556) == INVALID_RESERVE, ".9 x 1.0556 > .95"
    assert publish(m, OF_MAX_BONUS, 555) == OK
    m.set_rate_model(WETH, (1_000, 8_000, 100, 400, 99_499))
    assert publish(m, OF_SLOPE1, 402, v=HUB) == INVALID_RATE_MODEL
    assert publish(m, OF_SLOPE2, 99_501, v=HUB) == INVALID_RATE_MODEL
    assert publish(m, OF_SLOPE1, 401, v=HUB) == OK


# --- a lower threshold ----------------------------------------------------------------------------


def test_a_lower_threshold_comes_into_force_over_the_ramp(market: Machine) -> None:
    """8,000 - floor: 100 basis points within a day, one every 864 seconds."""
    m = market
    start = int(m.s.clock[0])
    assert publish(m, OF_LT, 7_900) == OK
    assert threshold(m.s, 0, WETH) == 8_000
    for seconds in (1, 863, 864, 40_000, RAMP - 1, RAMP, RAMP + 1):
        m.s.clock[0] = start + seconds
        left = max(RAMP - seconds, 0)
        assert threshold(m.s, 0, WETH) == 7_900 + 100 * left // RAMP
        m.do(op.accrue, STRANGER, WETH)


def test_another_change_leaves_a_ramp_its_end(market: Machine) -> None:
    """Neither is it over sooner, nor can it be kept from its end by changes on the way."""
    m = market
    start = int(m.s.clock[0])
    assert publish(m, OF_LT, 7_900) == OK
    for n, parameter in enumerate((OF_LTV, OF_MAX_BONUS, OF_MIN_BONUS, OF_SUPPLY_CAP), 1):
        m.s.clock[0] = start + n * 20_000
        before = threshold(m.s, 0, WETH)
        assert publish(m, parameter, reserve(m, COLUMNS[parameter]) - 1) == OK
        assert threshold(m.s, 0, WETH) == before == reserve(m, LT_FROM)
        assert (reserve(m, RAMP_START), reserve(m, RAMP_END)) == (start + n * 20_000, start + RAMP)
    m.s.clock[0] = start + RAMP
    assert threshold(m.s, 0, WETH) == 7_900


def test_a_longer_ramp_of_the_admin_is_not_cut_short(market: Machine) -> None:
    """He lowers by ten percent within 20 days; what the council lowers on top comes into force with
    it, and no sooner.
    """
    m = market
    assert m.configure(WETH, 0, {LT: 7_000, LTV: 5_000}, 20 * RAMP) == OK
    end = reserve(m, RAMP_END)
    m.s.clock[0] += 2 * RAMP
    assert publish(m, OF_LT, 6_900) == OK
    assert reserve(m, RAMP_END) == end
    assert threshold(m.s, 0, WETH) == 7_900


def test_a_raised_threshold_is_in_force_at_once(market: Machine) -> None:
    """Within a ramp as well."""
    m = market
    assert publish(m, OF_LT, 8_100) == OK
    assert threshold(m.s, 0, WETH) == 8_100
    m.s.clock[0] += DELAY
    assert publish(m, OF_LT, 8_000) == OK
    m.s.clock[0] += DELAY
    assert threshold(m.s, 0, WETH) == 8_000


def test_a_council_gone_wrong_is_a_matter_of_days(market: Machine) -> None:
    """It lowers all it may, as soon as it may, for a month. Nobody's health falls by more than the
    threshold does in its ramp, a hundredth part a day; every try in between is refused.
    """
    m, start = market, int(market.s.clock[0])
    accounts = [a for a in range(18) if m.s.position[a, WETH, 2] and m.s.account_vault[a] == 0]
    assert accounts
    lowered = []
    while m.s.clock[0] < start + 30 * 86_400:
        lt = reserve(m, LT)
        ltv_code = publish(m, OF_LTV, reserve(m, LTV) - MOST)
        before = {a: health(m.s, a).factor for a in accounts}
        code = publish(m, OF_LT, lt - MOST)
        assert {a: health(m.s, a).factor for a in accounts} == before, "13: at once, nobody's"
        assert code in (OK, CHANGED_LATELY) and ltv_code in (OK, CHANGED_LATELY)
        lowered.append(code == OK)
        m.s.clock[0] += DELAY // 3
    assert lowered == [n % 3 == 0 for n in range(len(lowered))]
    assert 8_000 - reserve(m, LT) == MOST * sum(lowered)


# --- interest -------------------------------------------------------------------------------------


def test_interest_until_a_change_is_booked_at_the_old_slope(market: Machine) -> None:
    """1 + x + x^2/2 + x^3/6 over an hour at the rate before, then at the one after."""
    m = market
    m.do(op.accrue, STRANGER, DAI)
    ray, index = 10**27, int(m.s.hub[DAI, BORROW_INDEX])
    rates = [int(m.s.hub[DAI, BORROW_RATE])]
    m.s.clock[0] += HOUR
    assert publish(m, OF_SLOPE1, 500, v=HUB, i=DAI) == OK
    rates.append(int(m.s.hub[DAI, BORROW_RATE]))
    m.s.clock[0] += HOUR
    m.do(op.accrue, STRANGER, DAI)
    assert rates[1] > rates[0] > 0
    for rate in rates:
        x = rate * HOUR // YEAR
        half = (x * (x // 2 + (x * (x // 6) + ray // 2) // ray) + ray // 2) // ray
        index = (index * (ray + x + half) + ray // 2) // ray
    assert m.s.hub[DAI, BORROW_INDEX] == index
