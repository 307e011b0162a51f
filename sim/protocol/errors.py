"""Why an operation was refused: one code per custom error of the contracts, under the same name.

A transition returns `OK` or one of these codes. `NAMES[code]` is the name of the Solidity error, by
which the lockstep engine checks that both refuse for the same reason. New ones go to the end.
"""

from __future__ import annotations

NAMES: list[str] = []


def _code(name: str) -> int:
    NAMES.append(name)
    return len(NAMES) - 1


OK = _code("")
# An amount no contract accepts: the EVM refuses it with whichever check meets it first.
AMOUNT_TOO_LARGE = _code("AmountTooLarge")
ZERO_AMOUNT = _code("ZeroAmount")
INSUFFICIENT_BALANCE = _code("ERC20InsufficientBalance")
SPOKE_NOT_ACTIVE = _code("SpokeNotActive")
SPOKE_HALTED = _code("SpokeHalted")
ADD_CAP_EXCEEDED = _code("AddCapExceeded")
DRAW_CAP_EXCEEDED = _code("DrawCapExceeded")
INSUFFICIENT_CASH = _code("InsufficientCash")
INSUFFICIENT_SHARES = _code("InsufficientShares")
UNFAIR_SHARES = _code("UnfairShares")
NO_DEFICIT = _code("NoDeficit")
COVER_WINDOW_OPEN = _code("CoverWindowOpen")
EXCEEDED_MAX_DEPOSIT = _code("ERC4626ExceededMaxDeposit")
EXCEEDED_MAX_MINT = _code("ERC4626ExceededMaxMint")
EXCEEDED_MAX_WITHDRAW = _code("ERC4626ExceededMaxWithdraw")
EXCEEDED_MAX_REDEEM = _code("ERC4626ExceededMaxRedeem")
COOLING_DOWN = _code("CoolingDown")
REQUEST_PENDING = _code("RequestPending")
INVALID_RESERVE = _code("InvalidReserve")
NOT_AUTHORISED = _code("NotAuthorised")
BORROW_DISABLED = _code("BorrowDisabled")
COLLATERAL_DISABLED = _code("CollateralDisabled")
SUPPLY_CAP_EXCEEDED = _code("SupplyCapExceeded")
BORROW_CAP_EXCEEDED = _code("BorrowCapExceeded")
ISOLATED_LIMIT = _code("IsolatedLimit")
ACCOUNT_NOT_EMPTY = _code("AccountNotEmpty")
INSUFFICIENT_SUPPLY = _code("InsufficientSupply")
NO_DEBT = _code("NoDebt")
NOT_COLLATERAL = _code("NotCollateral")
PRICE_NOT_OK = _code("PriceNotOk")
PRICE_NOT_USABLE = _code("PriceNotUsable")
BORROW_LIMIT_EXCEEDED = _code("BorrowLimitExceeded")
UNHEALTHY = _code("Unhealthy")
ACCOUNT_HEALTHY = _code("AccountHealthy")
ALREADY_FLAGGED = _code("AlreadyFlagged")
NOT_FLAGGED = _code("NotFlagged")
DELAY_NOT_PASSED = _code("DelayNotPassed")
SELF_LIQUIDATION = _code("SelfLiquidation")
MUST_NOT_LEAVE_DUST = _code("MustNotLeaveDust")
INSUFFICIENT_COLLATERAL_OUT = _code("InsufficientCollateralOut")
COLLATERAL_REMAINS = _code("CollateralRemains")
INSUFFICIENT_LIQUIDITY = _code("InsufficientLiquidity")
SLIPPAGE = _code("Slippage")
PROFIT_TOO_LOW = _code("ProfitTooLow")
DEBT_TOO_SMALL = _code("DebtTooSmall")
INVALID_POLICY = _code("InvalidPolicy")
TOO_MANY_ASSETS = _code("TooManyAssets")
LOSSES_FIRST = _code("LossesFirst")
ALREADY_RECEIVED = _code("AlreadyReceived")
MESSAGE_TOO_OLD = _code("MessageTooOld")
MINT_LIMITED = _code("MintLimited")
ALREADY_CALLED = _code("AlreadyCalled")
NOT_CALLED = _code("NotCalled")
UNDER_MARGIN_CALL = _code("UnderMarginCall")
WRONG_TARGET = _code("WrongTarget")
VALUE_ZERO = _code("ValueZero")
NOT_YET_PUBLISHED = _code("NotYetPublished")
UPDATE_EXPIRED = _code("UpdateExpired")
UPDATE_SUPERSEDED = _code("UpdateSuperseded")
CHANGED_LATELY = _code("ChangedLately")
CHANGE_OUT_OF_BOUNDS = _code("ChangeOutOfBounds")
INVALID_RATE_MODEL = _code("InvalidRateModel")
DELEVERAGING_OFF = _code("DeleveragingOff")
HEALTH_WOULD_FALL = _code("HealthWouldFall")
CONCENTRATION_EXCEEDED = _code("ConcentrationExceeded")
