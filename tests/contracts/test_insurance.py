"""InsuranceFund: staked first-loss capital."""

import pytest

from tests.contracts.deployment import COOLDOWN
from tests.contracts.support import DAY, MAX_AMOUNT, VIRTUAL_SHARES, WAD, YEAR, reverts

HALF = 500 * WAD
SHARES = HALF * VIRTUAL_SHARES


@pytest.fixture
def staked(fund, asset, spoke, supplier):
    """spoke and supplier have staked 500 each."""
    for actor in (spoke, supplier):
        fund.stake(asset, HALF, sender=actor)
    return asset


@pytest.fixture
def lose(hub, add, spoke, staked):
    """lose(amount): the hub loses so much, which is covered by the fund alone, if it can."""

    def lose(amount):
        add(staked, amount)
        hub.draw(staked, amount, spoke, sender=spoke)
        return hub.reportDeficit(staked, amount, 0, sender=spoke)

    return lose


def leave(fund, asset, staker, chain, shares=None):
    """Asks for all of a stake, or so many shares of it, waits and withdraws."""
    shares = shares or fund.stakeOf(asset, staker)
    chain.pending_timestamp = ask(fund, asset, staker, shares)
    return fund.withdraw(asset, sender=staker)


def ask(fund, asset, staker, shares=SHARES):
    """Asks for so many shares: when they leave."""
    tx = fund.requestWithdrawal(asset, shares, sender=staker)
    leaves_at = (tx.timestamp // COOLDOWN + 2) * COOLDOWN
    assert fund.WithdrawalRequested(asset, staker, shares, leaves_at) in tx.events
    return leaves_at


def test_stake__mints_shares_and_holds_the_tokens(fund, asset, spoke, staked):
    """A million of the first shares are worth a unit."""
    pool = fund.poolOf(asset)
    assert (pool.assets, pool.totalShares) == (2 * HALF, 2 * SHARES)
    assert fund.stakeOf(asset, spoke) == SHARES
    assert asset.balanceOf(fund) == fund.assetsOf(asset) == 2 * HALF


def test_withdraw__before_the_instant__is_refused(fund, spoke, staked, chain):
    """Not without asking, not a second early; then the stake comes back whole."""
    with reverts(fund.ZeroAmount):
        fund.withdraw(staked, sender=spoke)
    leaves_at = ask(fund, staked, spoke)
    chain.pending_timestamp = leaves_at - 1
    with reverts(fund.CoolingDown):
        fund.withdraw(staked, sender=spoke)
    before = staked.balanceOf(spoke)
    chain.pending_timestamp = leaves_at
    tx = fund.withdraw(staked, sender=spoke)
    assert fund.StakeLeft(staked, leaves_at, HALF, SHARES) in tx.events
    assert fund.Withdrawn(staked, spoke, HALF, SHARES) in tx.events
    assert staked.balanceOf(spoke) == before + HALF
    with reverts(fund.ZeroAmount):
        fund.withdraw(staked, sender=spoke)


def test_request_withdrawal__again__adds_in_the_same_period_only(fund, spoke, staked, chain):
    """One request at a time, which is final; more than stays or nothing cannot be asked for."""
    chain.pending_timestamp = (chain.pending_timestamp // COOLDOWN + 1) * COOLDOWN
    leaves_at = ask(fund, staked, spoke, SHARES - 2)
    assert ask(fund, staked, spoke, 1) == leaves_at
    request, pool = fund.requestOf(staked, spoke), fund.poolOf(staked)
    assert (request.shares, request.leavesAt, request.epoch) == (SHARES - 1, leaves_at, 0)
    assert (pool.leaving, pool.leavingAfter) == (0, SHARES - 1)
    assert pool.nextExit == leaves_at - COOLDOWN
    assert fund.stakeOf(staked, spoke) == 1
    with reverts(fund.InsufficientShares):
        fund.requestWithdrawal(staked, 2, sender=spoke)
    with reverts(fund.ZeroAmount):
        fund.requestWithdrawal(staked, 0, sender=spoke)
    for wait in (COOLDOWN, COOLDOWN, YEAR):
        chain.pending_timestamp += wait
        with reverts(fund.RequestPending):
            fund.requestWithdrawal(staked, 1, sender=spoke)
    fund.withdraw(staked, sender=spoke)
    ask(fund, staked, spoke, 1)


def test_pay_out__during_the_cooldown__is_borne_by_who_waits(
    fund, spoke, supplier, staked, lose, chain
):
    """250 of 1,000 lost: the leaver gets 375 of 500, like the one who stays."""
    leaves_at = ask(fund, staked, spoke)
    tx = lose(250 * WAD)
    assert fund.PaidOut(staked, 250 * WAD, 0) in tx.events
    before = staked.balanceOf(spoke)
    chain.pending_timestamp = leaves_at
    fund.withdraw(staked, sender=spoke)
    assert staked.balanceOf(spoke) - before == 375 * WAD == fund.assetsOf(staked)


def test_pay_out__after_the_instant__is_not_borne_by_who_left(
    hub, fund, spoke, supplier, staked, lose, chain
):
    """He has collected nothing and nobody called anything: what left is not there to be lost, and
    the stake of who stayed is; donations change nothing.
    """
    leaves_at = ask(fund, staked, spoke)
    chain.mine(timestamp=leaves_at)
    staked.transfer(fund, 7, sender=supplier)
    pool = fund.poolOf(staked)
    assert (pool.assets, pool.totalShares, pool.uncollected) == (HALF, SHARES, HALF)
    assert fund.assetsOf(staked) == HALF
    exit_of = fund.exitOf(staked, 0, leaves_at)
    assert (exit_of.shares, exit_of.assets) == (0, 0)  # not settled
    tx = lose(2 * HALF)
    assert fund.PaidOut(staked, HALF, 1) in tx.events
    exit_of = fund.exitOf(staked, 0, leaves_at)
    assert (exit_of.shares, exit_of.assets) == (SHARES, HALF)
    assert hub.getAsset(staked).deficit == HALF
    assert staked.balanceOf(fund) == HALF + 7
    chain.pending_timestamp += YEAR
    before = staked.balanceOf(spoke)
    fund.withdraw(staked, sender=spoke)
    assert staked.balanceOf(spoke) - before == HALF
    with reverts(fund.ZeroAmount):
        fund.withdraw(staked, sender=spoke)
    assert staked.balanceOf(fund) == 7


def test_pay_out__all_of_the_pool__leaves_no_batch_behind(fund, spoke, supplier, staked, lose):
    """What waited to leave was lost, and burns nothing of the pool that begins then."""
    ask(fund, staked, spoke)
    lose(2 * HALF)
    fund.stake(staked, HALF, sender=supplier)
    pool = fund.poolOf(staked)
    assert (pool.epoch, pool.totalShares, pool.leaving, pool.leavingAfter) == (1, SHARES, 0, 0)
    fund.stake(staked, HALF, sender=spoke)
    with reverts(fund.RequestPending):
        fund.requestWithdrawal(staked, SHARES, sender=spoke)
    tx = fund.withdraw(staked, sender=spoke)
    assert fund.Withdrawn(staked, spoke, 0, SHARES) in tx.events
    ask(fund, staked, spoke)


def test_pay_out__more_than_the_pool__takes_what_there_is(hub, fund, spoke, staked, lose):
    """The pool is emptied, never overdrawn; stakes of nothing are gone, also those that waited."""
    fund.requestWithdrawal(staked, SHARES // 2, sender=spoke)
    tx = lose(1_200 * WAD)
    assert fund.PaidOut(staked, 1_000 * WAD, 1) in tx.events
    assert (fund.assetsOf(staked), staked.balanceOf(fund)) == (0, 0)
    assert hub.getAsset(staked).deficit == 200 * WAD
    assert fund.stakeOf(staked, spoke) == 0
    tx = fund.withdraw(staked, sender=spoke)
    assert fund.Withdrawn(staked, spoke, 0, SHARES // 2) in tx.events
    with reverts(fund.InsufficientShares):
        fund.requestWithdrawal(staked, 1, sender=spoke)
    with reverts(fund.ZeroAmount):
        fund.withdraw(staked, sender=spoke)


def test_pay_out__by_anyone_but_the_hub__is_refused(fund, staked, admin, stranger):
    """Not even whoever deployed it."""
    for caller in (admin, stranger):
        with reverts(fund.OnlyHub):
            fund.payOut(staked, 1, sender=caller)


def test_stake__out_of_bounds__is_refused(fund, staked, spoke):
    """0 < amount, pool < 2^112."""
    with reverts(fund.ZeroAmount):
        fund.stake(staked, 0, sender=spoke)
    for amount in (MAX_AMOUNT, MAX_AMOUNT - 2 * HALF):
        with reverts(fund.AmountTooLarge):
            fund.stake(staked, amount, sender=spoke)


def test_stake__donation_before_the_first__does_not_dilute(fund, asset, spoke, supplier):
    """The pool counts stakes, not balances."""
    fund.stake(asset, 1, sender=spoke)
    asset.transfer(fund, 1_000 * WAD, sender=spoke)
    fund.stake(asset, HALF, sender=supplier)
    assert fund.stakeOf(asset, supplier) == SHARES
    assert fund.assetsOf(asset) == HALF + 1


def test_stake__after_a_partial_loss__buys_in_at_the_lower_price(
    fund, spoke, supplier, staked, lose, chain
):
    """A newcomer neither bears the old loss nor takes from those who did."""
    lose(800 * WAD)
    fund.stake(staked, 100 * WAD, sender=supplier)
    before = staked.balanceOf(spoke)
    leave(fund, staked, spoke, chain)
    assert abs(staked.balanceOf(spoke) - before - 100 * WAD) <= 1
    before = staked.balanceOf(supplier)
    leave(fund, staked, supplier, chain)
    assert abs(staked.balanceOf(supplier) - before - 200 * WAD) <= 1


def test_stake__after_the_pool_was_emptied__insures_again(
    fund, spoke, supplier, staked, lose, chain
):
    """A fund of a million that paid out once takes a million again, and owes nobody else of it."""
    fund.stake(staked, 10**6 * WAD, sender=spoke)
    lose(10**6 * WAD + 2 * HALF)
    assert fund.assetsOf(staked) == 0
    fund.stake(staked, 10**6 * WAD, sender=spoke)
    assert fund.stakeOf(staked, supplier) == 0
    before = staked.balanceOf(spoke)
    leave(fund, staked, spoke, chain)
    assert staked.balanceOf(spoke) - before == 10**6 * WAD


def test_withdraw__shares_worth_nothing__clears_the_request(fund, spoke, staked, chain):
    """Less than a unit's shares round to no token, and do not stand in the way for ever."""
    chain.pending_timestamp = ask(fund, staked, spoke, VIRTUAL_SHARES - 1)
    tx = fund.withdraw(staked, sender=spoke)
    assert fund.Withdrawn(staked, spoke, 0, VIRTUAL_SHARES - 1) in tx.events
    ask(fund, staked, spoke, 1)


def test_fund__cooldown_out_of_bounds__is_refused(project, admin, fund, hub):
    """Whoever can ask for the way out of every hour is never there when a loss comes; of years,
    or of more than a timestamp holds, nobody ever leaves.
    """
    assert fund.MIN_COOLDOWN() == DAY
    admin.deploy(project.InsuranceFund, hub, DAY)
    admin.deploy(project.InsuranceFund, hub, YEAR)
    for cooldown in (DAY - 1, YEAR + 1, 2**256 - 1):
        with reverts(fund.InvalidCooldown):
            admin.deploy(project.InsuranceFund, hub, cooldown)


@pytest.mark.parametrize("share", [1, SHARES // 3, SHARES])
def test_withdraw__of_several__pays_each_his_part_of_what_left(
    fund, spoke, supplier, staked, lose, chain, share
):
    """Down: together not more than left, whoever is first; what rounding leaves is nobody's."""
    lose(333 * WAD + 1)
    leaves_at = ask(fund, staked, spoke, share)
    assert ask(fund, staked, supplier, SHARES - 1) == leaves_at
    chain.pending_timestamp = leaves_at + DAY
    paid = []
    for actor in (supplier, spoke):
        before = staked.balanceOf(actor)
        fund.withdraw(staked, sender=actor)
        paid.append(staked.balanceOf(actor) - before)
    left = fund.exitOf(staked, 0, leaves_at)
    assert left.shares == share + SHARES - 1
    assert paid == [left.assets * n // left.shares for n in (SHARES - 1, share)]
    pool = fund.poolOf(staked)
    assert pool.uncollected == left.assets - sum(paid) <= 1
    assert staked.balanceOf(fund) == pool.assets + pool.uncollected


@pytest.mark.parametrize("left", [1, 2 * HALF // 10**6 - 1])
def test_stake__after_a_loss_of_all_but_dust__insures_again(
    fund, spoke, supplier, staked, lose, chain, left
):
    """What is left of a pool that lost all but a millionth belongs to the next one."""
    tx = lose(2 * HALF - left)
    assert fund.PaidOut(staked, 2 * HALF - left, 1) in tx.events
    assert fund.stakeOf(staked, supplier) == 0
    fund.stake(staked, 10**6 * WAD, sender=spoke)
    before = staked.balanceOf(spoke)
    leave(fund, staked, spoke, chain)
    assert 0 <= 10**6 * WAD - (staked.balanceOf(spoke) - before) <= 1


@pytest.mark.parametrize("left", [2 * HALF // 10**6, 2 * HALF * 2 // 10**6])
def test_stake__after_a_loss_of_nearly_a_millionth__keeps_its_stakers(
    fund, spoke, staked, lose, left
):
    """A millionth of a pool, and two, are still its stakers'."""
    lose(2 * HALF - left)
    assert fund.poolOf(staked).epoch == 0
    assert fund.stakeOf(staked, spoke) == SHARES


def test_pay_out__of_a_pool_on_the_brink__takes_what_is_lost(fund, spoke, supplier, staked, lose):
    """However little a share cost when a newcomer staked: a unit of loss takes a unit."""
    lose(2 * HALF - 2 * HALF // 10**6)
    fund.stake(staked, 999 * WAD, sender=supplier)
    mine = fund.stakeOf(staked, supplier)
    tx = lose(WAD)
    assert fund.PaidOut(staked, WAD, 0) in tx.events
    assert fund.stakeOf(staked, supplier) == mine
    assert fund.assetsOf(staked) == 998 * WAD + 2 * HALF // 10**6


def test_stake__more_than_a_million_times_ruined_stakes__begins_anew(
    fund, spoke, supplier, staked, lose, chain
):
    """A million times as much joins them; more takes their place, and who waited leaves with
    nothing.
    """
    left = 2 * HALF // 10**6 // 10
    ask(fund, staked, spoke)
    lose(2 * HALF - 10 * left)
    lose(9 * left)
    tx = fund.stake(staked, left * 10**6, sender=supplier)
    assert fund.PoolBegunAnew(staked, 1) not in tx.events
    assert fund.poolOf(staked).epoch == 0
    lose(left * 10**6 - left)
    lose(left)
    pool = fund.poolOf(staked)
    assert pool.epoch == 0 and pool.assets == left
    more = left * 10**6 + 1
    tx = fund.stake(staked, more, sender=supplier)
    assert fund.PoolBegunAnew(staked, 1) in tx.events
    pool = fund.poolOf(staked)
    assert (pool.epoch, pool.leaving, pool.leavingAfter, pool.assets) == (1, 0, 0, left + more)
    assert pool.totalShares == fund.stakeOf(staked, supplier)
    tx = fund.withdraw(staked, sender=spoke)
    assert fund.Withdrawn(staked, spoke, 0, SHARES) in tx.events
    before = staked.balanceOf(supplier)
    leave(fund, staked, supplier, chain)
    a_share = left // VIRTUAL_SHARES + 1
    assert 0 <= more - (staked.balanceOf(supplier) - before) <= a_share
