"""The state of a hub and its vaults, rebuilt from their events and nothing else."""

import re
from collections import defaultdict

from tests.contracts.support import RAY, ZERO_ADDRESS

ASSET = [
    *("cash", "scaledDebt", "borrowIndex", "borrowRate", "lastAccrual", "totalShares"),
    *("feeShares", "deficit", "deficitSince", "escrow", "deficitReported"),
    *("coveredByFees", "coveredByFund", "socialised", "deficitOwed"),
]
SPOKE = [
    *("addCap", "drawCap", "addedShares", "drawnScaled", "escrowed", "reportedDeficit"),
    *("active", "halted"),
]

NO_FLAG = {
    **{"flaggedAt": 0, "wellSince": 0, "wellAt": 0, "urgent": False},
    **{"thin": False, "thinFor": 0, "thinAt": 0},
}


class Ledger:
    """Feed it every event in order; read `assets`, `spokes`, `accounts` and `positions`."""

    def __init__(self):
        self.assets = defaultdict(lambda: dict.fromkeys(ASSET, 0))
        self.spokes = defaultdict(lambda: dict.fromkeys(SPOKE, 0))  # (asset, spoke)
        self.accounts = defaultdict(
            lambda: {
                "collateralBits": 0,
                "debtBits": 0,
                "flaggedAt": 0,
                "wellSince": 0,
                "wellAt": 0,
                "urgent": False,
                "thin": False,
                "thinFor": 0,
                "thinAt": 0,
                "calledAt": 0,
                "isolated": False,
                "category": 0,
                "manager": ZERO_ADDRESS,
            }
        )  # (vault, account)
        self.positions = defaultdict(lambda: {"supplied": 0, "scaledDebt": 0})
        self.modes = defaultdict(
            lambda: {"onSince": 0, "turningSince": 0, "seenAt": 0}
        )  # (vault, asset)
        self.reserves = defaultdict(list)  # vault: assets in order of listing
        self.seen = set()  # names of the events so far
        self.fee = defaultdict(int)  # what the last liquidation's collateral paid to the protocol

    def apply(self, log, timestamp: int) -> None:
        self.seen.add(log.event_name)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", log.event_name).lower()
        getattr(self, f"on_{name}", lambda *_: None)(log, timestamp)

    # --- hub --------------------------------------------------------------------------------------

    def _both(self, e):
        return self.assets[e.asset], self.spokes[e.asset, e.spoke]

    def on_asset_listed(self, e, now):
        self.assets[e.asset].update(borrowIndex=RAY, lastAccrual=now)

    def on_spoke_set(self, e, _):
        spoke = self.spokes[e.asset, e.spoke]
        spoke.update(addCap=e.addCap, drawCap=e.drawCap, active=e.active, halted=e.halted)

    def on_outflow_limit_set(self, e, _):
        self.assets[e.asset]["limited"] = e.window > 0

    def on_accrued(self, e, now):
        a = self.assets[e.asset]
        a.update(borrowIndex=e.index, lastAccrual=now)
        a["totalShares"] += e.feeShares
        a["feeShares"] += e.feeShares

    def on_rate_updated(self, e, _):
        self.assets[e.asset]["borrowRate"] = e.rate

    def on_added(self, e, _, sign=1):
        a, s = self._both(e)
        a["cash"] += sign * e.assets
        a["totalShares"] += sign * e.shares
        s["addedShares"] += sign * e.shares

    def on_removed(self, e, now):
        self.on_added(e, now, sign=-1)

    def on_drawn(self, e, _, sign=1):
        a, s = self._both(e)
        a["cash"] -= sign * e.assets
        a["scaledDebt"] += sign * e.scaled
        s["drawnScaled"] += sign * e.scaled

    def on_restored(self, e, now):
        self.on_drawn(e, now, sign=-1)

    def on_shares_given(self, e, _):
        self.spokes[e.asset, e.spoke]["addedShares"] -= e.shares
        self.spokes[e.asset, e.to]["addedShares"] += e.shares

    def on_restored_with_shares(self, e, _):
        a, s = self._both(e)
        a["scaledDebt"] -= e.scaled
        s["drawnScaled"] -= e.scaled
        a["totalShares"] -= e.shares
        s["addedShares"] -= e.shares

    def on_escrow_added(self, e, _, sign=1):
        a, s = self._both(e)
        a["escrow"] += sign * e.assets
        s["escrowed"] += sign * e.assets

    def on_escrow_removed(self, e, now):
        self.on_escrow_added(e, now, sign=-1)

    def on_fee_added(self, e, _):
        a, s = self._both(e)
        a["feeShares"] += e.shares
        if e.escrowed:
            a["escrow"] -= e.escrowed
            s["escrowed"] -= e.escrowed
            a["cash"] += e.escrowed
            a["totalShares"] += e.shares
        else:
            s["addedShares"] -= e.shares
        self.fee[e.spoke] = e.escrowed or e.shares

    def on_deficit_reported(self, e, _):
        a, s = self._both(e)
        a["scaledDebt"] -= e.scaled
        s["drawnScaled"] -= e.scaled
        a["deficitReported"] += e.assets
        s["reportedDeficit"] += e.assets

    def on_deficit_covered(self, e, _):
        a = self.assets[e.asset]
        a["feeShares"] -= e.feeSharesBurnt
        a["totalShares"] -= e.feeSharesBurnt
        a["cash"] += e.byFund
        a["coveredByFees"] += e.byFees
        a["coveredByFund"] += e.byFund

    def on_deficit_opened(self, e, now):
        a = self.assets[e.asset]
        a["deficit"] += e.assets
        a["deficitOwed"] += e.owed
        a["deficitSince"] = now

    def on_deficit_recovered(self, e, _):
        a = self.assets[e.asset]
        a["coveredByFees"] += e.assets
        a["deficitOwed"] = max(a["deficitOwed"] - e.assets, 0)
        self._reduce(e)

    def on_deficit_made_good(self, e, _):
        a, made = self.assets[e.asset], e.byFees + e.paid
        a["cash"] += e.paid
        a["feeShares"] -= e.feeSharesBurnt
        a["totalShares"] -= e.feeSharesBurnt
        a["coveredByFees"] += made
        a["deficitOwed"] -= made
        a["deficit"] -= made
        a["deficitSince"] = a["deficitSince"] if a["deficit"] else 0

    def on_deficit_socialised(self, e, _):
        self.assets[e.asset]["socialised"] += e.assets
        self._reduce(e)

    def _reduce(self, e):
        a = self.assets[e.asset]
        a["deficit"] -= e.assets
        a["deficitSince"] = a["deficitSince"] if a["deficit"] else 0

    def on_fees_claimed(self, e, _):
        a = self.assets[e.asset]
        a["cash"] -= e.assets
        a["totalShares"] -= e.shares
        a["feeShares"] -= e.shares

    # --- vaults -----------------------------------------------------------------------------------

    def on_reserve_set(self, e, _):
        if e.asset not in self.reserves[e.contract_address]:
            self.reserves[e.contract_address].append(e.asset)

    def on_manager_set(self, e, _):
        self.accounts[e.contract_address, e.accountId]["manager"] = e.manager

    def on_isolation_set(self, e, _):
        self.accounts[e.contract_address, e.accountId]["isolated"] = e.isolated

    def on_category_set(self, e, _):
        self.accounts[e.contract_address, e.accountId]["category"] = e.category

    def on_collateral_set(self, e, _):
        self._bit(e, "collateralBits", e.asset, e.enabled)

    def on_supplied(self, e, _):
        self._move(e, e.asset, supplied=e.supplied)

    def on_withdrawn(self, e, _):
        self._move(e, e.asset, supplied=-e.supplied)

    def on_borrowed(self, e, _):
        self._move(e, e.asset, scaled=e.scaled)

    def on_repaid(self, e, _):
        self._move(e, e.asset, scaled=-e.scaled)

    def on_written_off(self, e, _):
        self._move(e, e.asset, scaled=-e.scaled)

    def on_forfeited(self, e, _):
        self._move(e, e.asset, supplied=-e.supplied)
        self.fee[e.contract_address] = 0

    def on_flagged(self, e, now):
        self._flag(e, **NO_FLAG | {"flaggedAt": now})

    def on_delay_waived(self, e, _):
        self._flag(e, urgent=True)

    def on_thin_seen(self, e, now):
        self._flag(e, thin=e.thin, thinFor=e.thinFor, thinAt=now)

    def on_recovery_seen(self, e, now):
        self._flag(e, wellSince=e.since, wellAt=now if e.since else 0)

    def on_unflagged(self, e, _):
        self._flag(e, **NO_FLAG)

    def on_margin_called(self, e, now):
        self._flag(e, calledAt=now)

    def on_margin_call_ended(self, e, _):
        self._flag(e, calledAt=0)

    def on_liquidated(self, e, _):
        self._move(e, e.collateralAsset, supplied=-e.seized)
        self._move(e, e.debtAsset, scaled=-e.scaledRepaid)
        if e.asShares:
            owner = int(e.liquidator, 16) << 8
            position = self.positions[e.contract_address, owner, e.collateralAsset]
            position["supplied"] += e.seized - self.fee[e.contract_address]
        self.fee[e.contract_address] = 0

    def on_strain_seen(self, e, now):
        self.modes[e.contract_address, e.asset] |= {"turningSince": e.turningSince, "seenAt": now}

    def on_deleveraging_set(self, e, _):
        self.modes.pop((e.contract_address, e.asset), None)

    def on_deleveraging_began(self, e, now):
        self.modes[e.contract_address, e.asset]["onSince"] = now

    def on_deleveraging_ended(self, e, _):
        self.modes[e.contract_address, e.asset]["onSince"] = 0

    def on_deleveraged(self, e, _):
        self._move(e, e.collateralAsset, supplied=-e.supplied)
        self._move(e, e.debtAsset, scaled=-e.scaledRepaid)

    def _flag(self, e, **fields):
        self.accounts[e.contract_address, e.accountId] |= fields

    def _move(self, e, asset, supplied=0, scaled=0):
        position = self.positions[e.contract_address, e.accountId, asset]
        position["supplied"] += supplied
        position["scaledDebt"] += scaled
        if supplied and not position["supplied"]:
            self._bit(e, "collateralBits", asset, False)
        if scaled:
            self._bit(e, "debtBits", asset, position["scaledDebt"] > 0)

    def _bit(self, e, bits, asset, on):
        account = self.accounts[e.contract_address, e.accountId]
        bit = 1 << self.reserves[e.contract_address].index(asset)
        account[bits] = account[bits] | bit if on else account[bits] & ~bit
