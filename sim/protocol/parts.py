"""How numba compiles the functions that only compiled code calls: as parts of one piece.

By itself numba takes each of them to machine code, together with everything that it calls, and does
so again in whoever calls it. Here a part stops at LLVM's intermediate code; what calls it from
Python is optimised and translated with all its parts, once: 2.5 times as fast to compile.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering


class _Part(JITCodeLibrary):
    """Intermediate code that is linked into others, and nowhere by itself."""

    def finalize(self) -> None:
        """Nothing of it is optimised or translated here."""
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)
        self._finalize_dynamic_globals()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == function.linkage.external:
                function.linkage = "linkonce_odr"  # others link it, too
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """With everything that it calls."""
        self._ensure_finalized()
        if self._shared_module is None:
            module = self._final_module.clone()
            for library in self._called():
                part = isinstance(library, _Part)
                other = library._final_module if part else library._get_module_for_linking()
                module.link_in(other, preserve=True)
            self._shared_module = module
        return self._shared_module

    def _called(self) -> list[Any]:
        """What it is linked with, at any depth, each once."""
        found: dict[Any, None] = {}
        waiting = list(self._linking_libraries)
        while waiting:
            library = waiting.pop()
            if library not in found and library is not self:
                found[library] = None
                if isinstance(library, _Part):
                    waiting += library._linking_libraries
        return list(found)


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweringOfAPart(NativeLowering):
    """Numba's, but without a native function: nobody calls one."""

    _name = "lowering_of_a_part"

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = True
        super().run_pass(state)
        state.library._ensure_finalized()
        lowered = state["cr"]
        # Stands for the function in the tables of numba, at the address 0.
        name = lowered.fndesc.qualname
        module, kept = lowered.fndesc.lookup_module(), (state.library,)
        entry = _dynfunc.make_function(module, name, "A part.", 0, lowered.env, kept)
        state.targetctx.insert_user_function(entry, lowered.fndesc, [state.library])
        state.reload_init.extend(state.library._reload_init)
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class _Compiler(CompilerBase):
    def define_pipelines(self) -> list[PassManager]:
        """Numba's, with another last step."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (_LoweringOfAPart if one is NativeLowering else one, says)
            for one, says in passes.passes
        ]
        passes._finalized = False
        passes.finalize()
        return [passes]


AS_PART: Any = {"pipeline_class": _Compiler, "no_cfunc_wrapper": True}
"""Options of `numba.extending.register_jitable` and, as `jit_options`, of `overload`."""
