// Rules of the Solidity linter: its recommended set, less what is switched off here, each with its reason.
// Must be named on the command line (--config): by itself solhint looks for .solhint.json only, and without one it checks
// nothing and passes.
module.exports = {
  extends: "solhint:recommended",
  rules: {
    "compiler-version": ["error", "0.8.30"], // the one that ape-config.yaml names

    // A constructor has no visibility since Solidity 0.7.
    "func-visibility": ["warn", { ignoreConstructors: true }],
    // An immutable reads like the view function that it is to callers: `hub()`, not `HUB()`.
    "immutable-vars-naming": ["warn", { immutablesAsConstants: false }],

    // Wants @author, and a @param for every argument even where the sentence above it says all there is to say.
    "use-natspec": "off",
    // Amounts are read from events, not searched for.
    "gas-indexed-events": "off",
    // `<=` says what the specification says; rewriting it as `< x + 1` to save 3 gas invites the error it hides.
    "gas-strict-inequalities": "off",
    // Structs are ordered for readers and mirrored by the Python twin.
    "gas-struct-packing": "off",
  },
};
