"""What accepts connections: two servers of one listening socket, each with a place among the workers."""

from contextlib import ExitStack, contextmanager

import gevent
import pytest
from gevent import socket

from service.web.turns import SPARE, Turns
from service.web.worker import _Server

CONNECTIONS = 16


@pytest.fixture
def listener():
    with socket.socket() as listener:  # gevent's own, for the standard library's would wait in accept
        listener.bind(("127.0.0.1", 0))
        listener.listen(2 * CONNECTIONS)
        yield listener


@contextmanager
def accepting(listener, turn, held):
    """A server that keeps its connections until the client ends them."""

    def handle(connection, _address):
        held.append(connection)
        connection.recv(1)

    server = _Server(listener, handle=handle)
    server.turn, server.max_accept = turn, 1
    server.start()
    try:
        yield server
    finally:
        server.close()


def connected(stack, listener):
    return stack.enter_context(socket.create_connection(listener.getsockname()))


def wait_until(condition):
    with gevent.Timeout(30):
        while not condition():
            gevent.sleep(0.001)


@pytest.mark.parametrize("in_a_burst", [True, False])
def test_two_workers_share_the_connections(listener, in_a_burst):
    turns, mine, others = Turns(2), [], []
    with ExitStack() as stack:
        stack.enter_context(accepting(listener, turns.take(), mine))
        stack.enter_context(accepting(listener, turns.take(), others))
        for number in range(1, CONNECTIONS + 1):
            connected(stack, listener)
            if not in_a_burst:
                wait_until(lambda: len(mine) + len(others) == number)  # noqa: B023
        wait_until(lambda: len(mine) + len(others) == CONNECTIONS)
        assert abs(len(mine) - len(others)) <= 2 * (SPARE + 1)


def test_a_worker_with_more_leaves_a_connection_that_nobody_else_takes_for_a_while_only(listener):
    turns, held = Turns(2), []
    mine, away = turns.take(), turns.take()
    away.come()  # and does not accept
    with ExitStack() as stack:
        server = stack.enter_context(accepting(listener, mine, held))
        for number in range(1, CONNECTIONS + 1):
            connected(stack, listener)
            wait_until(lambda: len(held) == number)  # noqa: B023
        assert turns.open.tolist() == [CONNECTIONS, 0]
        assert server.started


def test_the_counts_are_those_of_open_connections_and_nobody_waits_for_a_server_that_closed(listener):
    turns, held = Turns(2), []
    with ExitStack() as stack:
        with accepting(listener, turns.take(), held):
            clients = [connected(stack, listener) for _ in range(3)]
            wait_until(lambda: turns.open[0] == 3)
            clients[0].close()
            wait_until(lambda: turns.open[0] == 2)
        assert turns.open.tolist() == [-1, -1]
    assert turns.accepted.tolist() == [3, 0]


def test_without_a_place_among_others_every_connection_is_accepted(listener):
    held = []
    with ExitStack() as stack:
        stack.enter_context(accepting(listener, None, held))
        for _ in range(CONNECTIONS):
            connected(stack, listener)
        wait_until(lambda: len(held) == CONNECTIONS)


@pytest.mark.parametrize("turn", [True, False])
def test_connections_that_wait_when_a_server_closes_are_accepted_first(listener, turn):
    turns, held = Turns(2), []
    with ExitStack() as stack:
        with accepting(listener.dup(), turns.take() if turn else None, held):
            for _ in range(CONNECTIONS):
                connected(stack, listener)  # nothing gives way to the server until it closes
        wait_until(lambda: len(held) == CONNECTIONS)
    assert turns.open.tolist() == [-1, -1]
