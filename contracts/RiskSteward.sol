// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IRiskSteward} from "./interfaces/IRiskSteward.sol";
import {IVault} from "./interfaces/IVault.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title RiskSteward: bounded, delayed, expiring changes of parameters
/// @notice Has the parameter role of the hub and of its vaults, and nothing else. Invariant kept here (number of the
/// specification): 31 with the vault, a threshold in force never jumps down. Twin: `sim/protocol/steward.py`.
contract RiskSteward is IRiskSteward {
    using FixedPoint for uint256;

    /// @inheritdoc IRiskSteward
    uint256 public constant EXPIRY = 6 hours;
    /// @dev `IVault.RAMP_PER_BPS`: a vault refuses less.
    uint256 internal constant RAMP_PER_BPS = 864;

    /// @inheritdoc IRiskSteward
    ILiquidityHub public immutable hub;
    /// @inheritdoc IRiskSteward
    address public immutable council;
    uint256 internal immutable _maxChange;
    uint256 internal immutable _maxCapChange;
    uint256 internal immutable _minDelay;
    uint256 internal immutable _ramp;

    /// @inheritdoc IRiskSteward
    mapping(address target => mapping(address asset => uint256)) public publishedAt;
    /// @inheritdoc IRiskSteward
    mapping(address target => mapping(address asset => mapping(Parameter parameter => uint256))) public changedAt;

    constructor(ILiquidityHub hub_, address council_, Bounds memory b) {
        bool sound = b.maxChangeBps > 0 &&
            b.maxChangeBps <= FixedPoint.BPS &&
            b.maxCapChangeBps > 0 &&
            b.maxCapChangeBps <= FixedPoint.BPS &&
            b.ramp >= b.maxChangeBps * RAMP_PER_BPS &&
            b.minDelay >= b.ramp &&
            b.minDelay <= FixedPoint.YEAR;
        if (!sound) revert InvalidSteward();
        (hub, council) = (hub_, council_);
        (_maxChange, _maxCapChange) = (b.maxChangeBps, b.maxCapChangeBps);
        (_minDelay, _ramp) = (b.minDelay, b.ramp);
    }

    /// @inheritdoc IRiskSteward
    function update(Update calldata u) external {
        if (msg.sender != council) revert NotAuthorised();
        bool ofHub = u.parameter == Parameter.Slope1 || u.parameter == Parameter.Slope2;
        if (ofHub != (u.target == address(hub))) revert WrongTarget();
        if (u.value == 0) revert ValueZero();
        if (u.publishedAt > block.timestamp) revert NotYetPublished();
        if (block.timestamp - u.publishedAt > EXPIRY) revert UpdateExpired();
        if (u.publishedAt < publishedAt[u.target][u.asset]) revert UpdateSuperseded();
        if (block.timestamp < changedAt[u.target][u.asset][u.parameter] + _minDelay) revert ChangedLately();
        publishedAt[u.target][u.asset] = u.publishedAt;
        changedAt[u.target][u.asset][u.parameter] = block.timestamp;
        uint256 from = ofHub ? _setSlope(u) : _setReserve(u);
        emit ParameterUpdated(u.target, u.asset, u.parameter, from, u.value, u.publishedAt);
    }

    /// @inheritdoc IRiskSteward
    function bounds() external view returns (Bounds memory) {
        return Bounds(uint32(_maxChange), uint32(_maxCapChange), uint32(_minDelay), uint32(_ramp));
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Interest so far is booked at the old curve.
    function _setSlope(Update calldata u) internal returns (uint256 from) {
        ILiquidityHub.RateModel memory m = hub.getRateModel(u.asset);
        from = u.parameter == Parameter.Slope1 ? m.slope1Bps : m.slope2Bps;
        _checkChange(from, u.value, _maxChange, 2 ** 32);
        if (u.parameter == Parameter.Slope1) m.slope1Bps = uint32(u.value);
        else m.slope2Bps = uint32(u.value);
        hub.setRateModel(u.asset, m);
    }

    /// @dev All else as it is, a ramp that goes on included.
    function _setReserve(Update calldata u) internal returns (uint256 from) {
        IVault vault = IVault(u.target);
        IVault.Reserve memory r = vault.reserveOf(u.asset);
        IVault.ReserveConfig memory c = r.config;
        uint256 ramp = r.rampEnd > block.timestamp ? r.rampEnd - block.timestamp : 0;
        if (u.parameter == Parameter.Ltv) {
            (from, c.ltvBps) = (c.ltvBps, uint16(u.value));
        } else if (u.parameter == Parameter.Lt) {
            (from, c.ltBps) = (c.ltBps, uint16(u.value));
            if (ramp < _ramp) ramp = _ramp;
        } else if (u.parameter == Parameter.MaxBonus) {
            (from, c.maxBonusBps) = (c.maxBonusBps, uint16(u.value));
        } else if (u.parameter == Parameter.MinBonus) {
            (from, c.minBonusBps) = (c.minBonusBps, uint16(u.value));
        } else if (u.parameter == Parameter.SupplyCap) {
            (from, c.supplyCap) = (c.supplyCap, uint112(u.value));
        } else {
            (from, c.borrowCap) = (c.borrowCap, uint112(u.value));
        }
        bool isCap = u.parameter == Parameter.SupplyCap || u.parameter == Parameter.BorrowCap;
        if (isCap) _checkChange(from, u.value, from.mulDivDown(_maxCapChange, FixedPoint.BPS), FixedPoint.MAX_AMOUNT);
        else _checkChange(from, u.value, _maxChange, 2 ** 16);
        vault.setReserve(u.asset, c, ramp);
    }

    /// @dev `to` is `below` what there is room for, so that nothing of it was cut off.
    function _checkChange(uint256 from, uint256 to, uint256 most, uint256 below) internal pure {
        uint256 change = to > from ? to - from : from - to;
        if (change == 0 || change > most || to >= below) revert ChangeOutOfBounds();
    }
}
