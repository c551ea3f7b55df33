"""Loops are found from what can follow what, whatever the order in memory."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_code import assembled

from gridstone.compile.flow import Flow, every_iteration, flow, iteration, loops, reach, unavoidable
from gridstone.compile.subroutine import barred, called, entered, is_call, one_run


def bodies(graph: Flow) -> list[tuple[int, set[int]]]:
    return [(loop.header, set(loop.body)) for loop in loops(graph)]


def test_a_counted_loop() -> None:
    graph = flow(assembled("MOV R0, RZ\nIADD3 R0, R0, 0x1, RZ\n@!P0 BRA 0x10\nEXIT"))
    assert bodies(graph) == [(1, {1, 2})]
    assert loops(graph)[0].latches == {2}


def test_the_trap_behind_a_kernel_is_no_loop() -> None:
    assert bodies(flow(assembled("MOV R0, RZ\nEXIT\nBRA 0x20"))) == []


@pytest.mark.parametrize("jump", ["BRA.U UP0, 0x10", "BRA.U !UP0, 0x10", "@P0 BRA P1, 0x10"])
def test_a_jump_with_its_condition_among_the_operands_may_fall_through(jump: str) -> None:
    graph = flow(assembled(f"MOV R0, RZ\nNOP\n{jump}\nEXIT"))
    assert graph.after[2] == (3, 1)


def test_nested_loops_come_innermost_first() -> None:
    code = assembled("NOP\nNOP\nNOP\n@P0 BRA 0x20\n@P1 BRA 0x10\nEXIT")
    assert bodies(flow(code)) == [(2, {2, 3}), (1, {1, 2, 3, 4})]


def test_code_out_of_line_that_jumps_back_is_no_loop() -> None:
    code = assembled("NOP\nBRA.DIV UR4, 0x50\nNOP\nNOP\nEXIT\nNOP\nBRA 0x20")
    assert bodies(flow(code)) == []


def test_a_loop_entered_at_its_test() -> None:
    code = assembled("BRA 0x30\nNOP\nNOP\nNOP\n@P0 BRA 0x10\nEXIT")
    assert bodies(flow(code)) == [(3, {1, 2, 3, 4})]


def test_a_call_comes_back_and_a_return_ends() -> None:
    graph = flow(assembled("CALL.REL.NOINC 0x30\nEXIT\nNOP\nNOP\nRET.REL.NODEC R2, 0x0"))
    assert graph.reached == {0, 1}
    assert graph.after[4] == ()


def test_only_what_every_way_round_passes_runs_in_every_iteration() -> None:
    code = assembled("NOP\nNOP\n@P0 BRA 0x40\nNOP\nNOP\n@P1 BRA 0x10\nEXIT")
    graph = flow(code)
    (loop,) = loops(graph)
    assert every_iteration(graph, loop) == {1, 2, 4, 5}


@pytest.mark.parametrize("jump", ["BRX R4", "JMX R4", "BRA R4", "BRA"])
def test_a_jump_to_nobody_knows_where_is_refused(jump: str) -> None:
    with pytest.raises(ValueError, match="at 0x10"):
        flow(assembled(f"NOP\n{jump}\nEXIT"))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 11)), min_size=12, max_size=12))
def test_loops_are_those_of_the_dominators(jumps: list[tuple[bool, int]]) -> None:
    lines = [f"@P0 BRA {16 * target:#x}" if jump else "NOP" for jump, target in jumps]
    graph = flow(assembled("\n".join([*lines, "EXIT"])))
    edges = [(a, b) for a in graph.reached for b in graph.after[a]]
    whole = networkx.DiGraph(edges)
    parents = networkx.immediate_dominators(whole, 0)

    def dominates(header: int, index: int) -> bool:
        while index not in (header, 0):
            index = parents[index]
        return index == header

    back = {(a, b) for a, b in edges if dominates(b, a)}
    found = loops(graph)
    assert {(latch, loop.header) for loop in found for latch in loop.latches} == back
    for loop in found:
        inside = whole.subgraph(loop.body)
        assert networkx.is_strongly_connected(inside)
        assert reach(lambda i: graph.after[i], [0], avoiding={loop.header}).isdisjoint(loop.body)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 11)), min_size=12, max_size=12),
    st.sets(st.integers(1, 12), max_size=2),
    st.sets(st.integers(0, 12), min_size=1, max_size=3),
)
def test_unavoidable_is_what_no_way_goes_around(
    jumps: list[tuple[bool, int]], avoiding: set[int], ends: set[int]
) -> None:
    graph = flow(assembled("\n".join([*(f"@P0 BRA {16 * to:#x}" if jump else "NOP" for jump, to in jumps), "EXIT"])))

    def arrives(without: set[int]) -> bool:
        return not ends.isdisjoint(reach(graph.after.__getitem__, [0], without))

    every = set(range(13)) - avoiding
    expected = {i for i in every if not arrives(avoiding | {i})} if arrives(avoiding) else set()
    assert unavoidable(graph.after.__getitem__, 0, ends, avoiding) == expected


CALLING = assembled(
    """
    CALL.REL.NOINC 0x40
    CALL.REL.NOINC 0x40
    STG.E [R2], R0
    EXIT
    IMMA.S8 R0, R4, R6, R0
    @P0 BRA 0x70
    IMMA.S8 R1, R4, R6, R1
    RET.REL.NODEC R2, 0x0
    """
)


def test_a_run_of_a_subroutine_is_what_it_always_holds_and_what_it_may() -> None:
    graph = flow(CALLING)
    assert not is_call(CALLING[2]) and called(graph, 0) == called(graph, 1) == 4
    runs, doubtful = one_run(graph, 4)
    assert runs == {4: 1, 5: 1, 6: 1, 7: 1} and doubtful == {6}


def test_subroutines_are_gone_through_or_not_returned_from() -> None:
    graph = flow(CALLING)
    through = entered(graph, [0, 1])
    assert through.after[0] == through.after[1] == (4,) and through.after[7] == (1, 2)
    assert graph.after[0] == (1,) and graph.after[7] == ()
    fast = flow(assembled("@P0 BRA 0x40\nMOV R4, R5\nCALL.REL.NOINC 0x60\nMOV R6, R7\nFADD R6, R6, R1\nEXIT\nRET R2"))
    assert reach(lambda i: barred(fast, [2]).after[i], [0]) == {0, 4, 5}


@pytest.mark.parametrize(
    ("body", "sure"),
    [
        ("@P0 IMMA.S8 R0, R4, R6, R0\nRET.REL.NODEC R2, 0x0", {4}),
        ("@P0 RET.REL.NODEC R2, 0x0\nIMMA.S8 R0, R4, R6, R0\nRET.REL.NODEC R2, 0x0", set()),
    ],
)
def test_what_a_condition_may_skip_is_not_always_run(body: str, sure: set[int]) -> None:
    graph = flow(assembled(f"CALL.REL.NOINC 0x30\nFADD R0, R0, R1\nEXIT\n{body}"))
    runs, doubtful = one_run(graph, 3)
    assert set(runs) - doubtful == sure


def test_conditional_calls_and_returns_go_both_ways_and_shared_returns_to_all() -> None:
    both = flow(assembled("@P0 CALL.REL.NOINC 0x30\nFADD R0, R0, R1\nEXIT\n@P1 RET R2\nRET R2"))
    through = entered(both, [0])
    assert through.after[0] == (3, 1) and through.after[3] == (1, 4) and through.after[4] == (1,)
    shared = flow(
        assembled("CALL.REL.NOINC 0x40\nCALL.REL.NOINC 0x50\nFADD R0, R0, R1\nEXIT\nMOV R4, R5\nMOV R6, R7\nRET R2")
    )
    assert entered(shared, [0, 1]).after[6] == (1, 2)


def test_a_call_to_a_computed_address_is_told() -> None:
    with pytest.raises(ValueError, match=r"CALL\.REL at 0x0 has no readable target"):
        called(flow(assembled("CALL.REL R4")), 0)


def test_an_iteration_without_calls() -> None:
    loop_ = assembled("FADD R0, R0, R1\n@P0 BRA 0x40\nCALL.REL.NOINC 0x60\nBRA 0x40\n@P1 BRA 0x0\nEXIT\nRET R2")
    graph = flow(loop_)
    (only,) = loops(graph)
    assert iteration(graph, only, [2]) == {0, 1, 4} and every_iteration(graph, only, [2]) == {0, 1, 4}
    always = flow(assembled("CALL.REL.NOINC 0x30\n@P1 BRA 0x0\nEXIT\nRET R2"))
    assert iteration(always, loops(always)[0], [0]) == set()
