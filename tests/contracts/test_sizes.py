"""Every contract fits on a chain."""

import pytest

EIP_170, EIP_3860 = 24_576, 49_152


def test_size__of_every_contract__is_below_the_limit(project):
    """Runtime code below 24,576 bytes (EIP-170), creation code below 49,152 (EIP-3860)."""
    types = project.load_contracts().values()
    runtime = {t.name: len(t.get_runtime_bytecode() or b"") for t in types}
    creation = {t.name: len(t.get_deployment_bytecode() or b"") for t in types}
    assert {"Vault", "LiquidityHub", "Lens"} <= {name for name, size in runtime.items() if size > 0}
    assert {n: s for n, s in runtime.items() if s >= EIP_170} == {}
    assert {n: s for n, s in creation.items() if s >= EIP_3860} == {}


@pytest.mark.parametrize("name", ["vault", "hub", "oracle", "fund", "pair", "lens", "flash"])
def test_size__as_deployed__is_what_was_compiled(deployed, chain, name):
    """No proxy, no stub: the code on the chain has the compiled length."""
    contract = getattr(deployed, name)
    code = chain.provider.get_code(contract.address)
    assert len(code) == len(contract.contract_type.get_runtime_bytecode())
