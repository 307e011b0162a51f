"""Twin and contract have the same functions in the same order, what is internal after what is
public in both; what only one side has is listed here, each with its reason.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

MIRROR = {
    "hub": ["HubLedger"],
    "hub_losses": ["LiquidityHub"],
    "hub_share": ["HubShare"],
    "insurance": ["InsuranceFund"],
    "oracle": ["OracleRouter"],
    "steward": ["RiskSteward"],
    "risk_guard": ["RiskGuard"],
    "vault_reserves": ["VaultState", "VaultReserves"],
    "vault_parameters": ["VaultParameters"],
    "vault_flags": ["VaultFlags"],
    "vault_positions": ["VaultPositions"],
    "vault_health": ["VaultHealth"],
    "vault_accounts": ["VaultAccounts"],
    "vault_deleveraging": ["VaultDeleveraging"],
    "vault": ["VaultLiquidation", "Vault"],
    "liquidation": [
        "liquidation/CloseFactor",
        "liquidation/TargetHealth",
        "liquidation/DutchBonus",
        "libraries/Amounts",
    ],
    "pair": ["market/ConstantProductPair"],
    "liquidator": ["periphery/Liquidator"],
    "bridge": ["periphery/BridgedCollateral"],
    "split": ["libraries/Split"],
    "fixed_point": ["libraries/FixedPoint"],
}
"""Each file of the twin and what it is the twin of, in the order in which it has it."""

CONFIGURED = "the twin starts out configured"
ARRAYS = "the twin's state is arrays that anyone reads"
ARRIVES = "the twin's tokens arrive"
MONEY = "who is paid is the operation's actor"
ONLY_THERE = {
    "HubLedger": {
        "_accrued": "`accrue`",
        "noteShortage": ARRIVES,
        "_checkBacked": ARRIVES,
        "totalAssets": "`preview(s, i).total_assets`",
        "deficitOf": ARRAYS,
        "isHalted": ARRAYS,
        "_held": ARRIVES,
        "_holding": "the beginning of `vault_accounts._check_excess`",
        "getAsset": ARRAYS,
        "getSpoke": ARRAYS,
        "getRateModel": ARRAYS,
        "getOutflow": ARRAYS,
        "_burnt": "a `mul_div` in the direction that is meant",
        "_toAssets": "a `mul_div` in the direction that is meant",
    },
    "HubShare": {
        "totalAssets": "the spoke's shares, as `hub.to_assets_down`",
        "_convertToShares": "`hub.to_shares_down` and `_up`",
        "_convertToAssets": "`hub.to_assets_down` and `_up`",
        "_decimalsOffset": "a constant of the hub",
    },
    "LiquidityHub": {
        "listAsset": CONFIGURED,
        "_setRateModel": "the checks of `set_slopes`",
        "setSpoke": "a line of `operations.set_spoke`",
        "setLossPolicy": CONFIGURED,
        "_askFund": "`insurance.pay_out`: the twin's fund never reverts",
    },
    "InsuranceFund": {
        **dict.fromkeys(("poolOf", "stakeOf", "requestOf", "exitOf"), ARRAYS),
        "_left": "whoever left has it in his row",
    },
    "OracleRouter": {
        "setFeed": CONFIGURED,
        "getFeed": ARRAYS,
        "getAnchor": ARRAYS,
        "_quote": "the rest of `read`",
        "_looksThrough": "in the twin no asset is another's share",
        "_word": "in the twin no asset is another's share",
    },
    "RiskSteward": {"bounds": ARRAYS},
    "RiskGuard": {
        "setTerms": CONFIGURED,
        "_setTerms": CONFIGURED,
        **dict.fromkeys(("terms", "brakeOf", "seenOf", "_pausedUntil", "_setPaused"), ARRAYS),
        "_isStopped": "a line of `check`",
    },
    "VaultState": {"_reserve": "an asset is its row"},
    "VaultParameters": {
        "setPolicy": CONFIGURED,
        "_setPolicy": CONFIGURED,
        "setDeleveraging": CONFIGURED,
    },
    "VaultReserves": {
        "policy": ARRAYS,
        "categoryAt": ARRAYS,
        "reserveCount": ARRAYS,
        "reserveAt": ARRAYS,
        "reserveOf": ARRAYS,
        "deleveragingOf": ARRAYS,
        "liquidationThreshold": "`threshold`, which others call too",
        "marginalThreshold": "`_marginalThreshold`, of the vault's variables",
    },
    "VaultAccounts": {"accountOf": ARRAYS},
    "VaultHealth": {
        "ownerOf": ARRAYS,
        "_pokedHealth": "`poke`, then `health`",
        "_healthAt": "the rest of `health`: the twin's feeds stand still in an operation",
        "_pair": "the beginnings of `vault.terms_at` and of `vault_deleveraging.legs`",
    },
    "VaultPositions": {
        "positionOf": ARRAYS,
        "_supplied": "`supplied_assets`",
        "_debtAt": "`hub.debt_at`",
        "_bit": "bits of the account there",
        "_pull": ARRIVES,
    },
    "Vault": dict.fromkeys(
        (
            *("flag", "unflag", "marginCall", "endMarginCall", "liquidate", "writeOff"),
            *("pokeDeleveraging", "deleverage"),
            *("setReserve", "setPolicy", "setDeleveraging", "setCategoryConfig"),
        ),
        "`VaultLiquidation` or `VaultParameters` has the code",
    ),
    "VaultDeleveraging": {
        "_moveLegs": "`legs`, and the lines after it in `deleverage`",
    },
    "VaultLiquidation": {
        "_quote": "`liquidation.quote`, on the context that `terms_at` fills",
    },
    "liquidation/CloseFactor": {
        "quote": "the largest bonus, and `close_factor_max_repay`",
        "hfForMaxBonus": "the policy's `full_close_health`",
    },
    "liquidation/DutchBonus": {"hfForMaxBonus": "`soundness.ANY_HEALTH`"},
    "market/ConstantProductPair": {"_reserves": "`side` says which reserve is which"},
    "periphery/BridgedCollateral": {
        **dict.fromkeys(("limits", "bucket"), ARRAYS),
        "decimals": ARRAYS,
    },
    "periphery/Liquidator": {
        "onLiquidate": "between `vault.seize` and `vault.settle`",
        "split": "`split.parts`",
    },
}
ONLY_HERE = {
    "oracle": {"is_decided": "`Prices.isDecided`"},
    "risk_guard": {
        "is_guarded": "an address compared there",
        "_has": "bits of a word there",
        "is_any_stopped": "for measures",
        "grace_of": "a line of `check`",
        "notes": "the condition in `poke`, for keepers",
    },
    "vault_flags": {"standing": "of a health, what is asked of it there"},
    "hub_share": {
        "deposit": "OpenZeppelin's",
        "mint": "OpenZeppelin's",
        "withdraw": "OpenZeppelin's",
        "redeem": "OpenZeppelin's",
        "_halted": "the spoke's row",
    },
    "vault_reserves": {"weigh_by_reserve": "the second half of `_weigh`"},
    "vault_parameters": {
        "set_row": "`set_reserve` without flags and caps, which a steward calls too",
        "set_dust_value": "a part of `setPolicy`",
        "packed": "a configuration as a word of the journal",
        "unpacked": "a configuration as a word of the journal",
        "word_of": "a configuration as a word of the journal",
        "fields_of": "a configuration as a word of the journal",
    },
    "vault_health": {"poke": "the first half of `_pokedHealth`"},
    "vault_accounts": {"_authorised": "a modifier there"},
    "vault_positions": {
        "has_debt": "bits of the account there",
        "other": "bits of the account there",
    },
    "vault_deleveraging": {
        "legs": "the first half of `_moveLegs`",
        "note": "the end of `_seeStrain`: what is refused leaves no trace",
    },
    "vault": {
        "terms_at": "`terms` of an account known to be liquidatable",
        "_refused": "a code where the contract reverts",
    },
    "liquidation": {"quote": "`VaultLiquidation._quote` and the choice of an engine"},
    "pair": {"move_reserves": "`_swap` without the wallets, for the liquidator"},
    "split": {
        "proceeds": "what a view of the pairs says of each part, summed",
        "side_of": "an address compared there",
    },
    "fixed_point": dict.fromkeys(
        ("jitable", "is_jitable", "inlined", "_constant"), "what makes the source compilable"
    )
    | dict.fromkeys(
        [
            "zero",
            "wad",
            "ray",
            "ray_per_bps",
            "max_amount",
            "max_shares",
            "max_price",
            "max_index",
            "max_uint",
        ],
        "constants there; compiled code has no integers of that size",
    )
    | dict.fromkeys(
        (
            "_mul_div_on_floats",
            "_mul_div_whole_on_floats",
            "_div_on_floats",
            "_exceeds_on_floats",
            "_less_on_floats",
            "_sqrt_on_floats",
        ),
        "the same on doubles",
    )
    | {
        "mul_div_whole": "`mulDivDown` whose result is small, also in doubles",
        "div_down": "/",
        "exceeds": ">",
        "less": "-",
        "sqrt_down": "OpenZeppelin's",
    },
}
CALLED = {
    ("LiquidityHub", "setRateModel"): "set_slopes",
    ("HubLedger", "_debtAt"): "debt_at",
    ("VaultFlags", "_flag"): "begin_flag",
    ("VaultFlags", "_unflag"): "end_flag",
    ("liquidation/CloseFactor", "_maxRepay"): "close_factor_max_repay",
    ("liquidation/TargetHealth", "quote"): "target_health_max_repay",
    ("liquidation/TargetHealth", "_bonus"): "target_health_bonus",
    ("liquidation/DutchBonus", "quote"): "dutch_bonus",
}
"""Where one name of the twin covers several contracts."""

every = pytest.mark.parametrize("twin", MIRROR)


class Function(NamedTuple):
    contract: str
    name: str
    internal: bool


def of_contract(contract: str) -> list[Function]:
    """Its functions in the order of the source."""
    source = (ROOT / "contracts" / f"{contract}.sol").read_text(encoding="utf-8")
    found = re.findall(r"^    function (\w+)\(([^{;]*)[{;]", source, re.MULTILINE)
    return [
        Function(contract, name, bool(re.search(r"\binternal\b", head))) for name, head in found
    ]


def of_twin(twin: str) -> list[str]:
    path = ROOT / "sim" / "protocol" / f"{twin}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return [node.name for node in body if isinstance(node, ast.FunctionDef)]


def mirrored(twin: str) -> list[tuple[Function, str]]:
    """Functions of the contracts that the twin should have, and what they are called there."""
    pairs, here = [], of_twin(twin)
    for contract in MIRROR[twin]:
        for function in of_contract(contract):
            if function.name in ONLY_THERE.get(contract, {}):
                continue
            snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", function.name).lower()
            snake = CALLED.get((contract, function.name), snake.removeprefix("get_"))
            if snake not in here:  # internal there, and called from other files of the twin
                snake = snake.removeprefix("_")
            pairs.append((function, snake))
    return pairs


@every
def test_the_same_functions(twin: str) -> None:
    here = set(of_twin(twin))
    found = [name for _, name in mirrored(twin)]
    assert len(set(found)) == len(found)
    assert set(found) - here == set(), "in the contract only"
    assert here - set(found) == set(ONLY_HERE.get(twin, {})), "in the twin only"


@every
def test_in_the_same_order(twin: str) -> None:
    found = [name for _, name in mirrored(twin)]
    assert [name for name in of_twin(twin) if name in found] == found


@every
def test_what_is_internal_comes_last(twin: str) -> None:
    """In the twin what is internal in the contract, or has an underscore; what only the twin has
    stands with those it helps.
    """
    for contract in MIRROR[twin]:
        internal = [function.internal for function in of_contract(contract)]
        assert internal == sorted(internal), contract
    if len(MIRROR[twin]) > 1:
        return  # a part of the file for each contract
    here = of_twin(twin)
    public = [here.index(name) for function, name in mirrored(twin) if not function.internal]
    inside = [here.index(name) for function, name in mirrored(twin) if function.internal]
    inside += [here.index(name) for name in here if name.startswith("_")]
    if public:  # of a library nothing is
        assert max(public) < min(inside, default=len(here))


def test_the_lists_are_of_what_there_is() -> None:
    for contract, names in ONLY_THERE.items():
        there = {function.name for function in of_contract(contract)}
        assert set(names) <= there, contract
    contracts = [contract for contracts in MIRROR.values() for contract in contracts]
    assert set(ONLY_THERE) <= set(contracts) and set(ONLY_HERE) <= set(MIRROR)
    assert all(pair[0] in contracts for pair in CALLED)


def test_every_contract_and_every_file_of_the_twin_is_held() -> None:
    """But what checks or keeps only, what reads for the comparison, and what a test feeds."""
    folder = ROOT / "contracts"
    written = {
        str(path.relative_to(folder).with_suffix(""))
        for path in folder.rglob("*.sol")
        if path.relative_to(folder).parts[0] not in ("interfaces", "mocks")
    }
    held = {contract for contracts in MIRROR.values() for contract in contracts}
    assert written - held <= {
        "libraries/Backing",
        "libraries/Prices",
        "periphery/Lens",
        "periphery/ShareFeed",
    }
    assert held <= written
    beside = {
        "__init__",
        "brackets",
        "errors",
        "operations",
        "parts",
        "records",
        "soundness",
        "state",
    }
    beside |= {"transaction", "units"}
    files = {path.stem for path in (ROOT / "sim" / "protocol").glob("*.py")}
    assert files == set(MIRROR) | beside
