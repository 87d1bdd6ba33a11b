// Package desktest is the rig that tests of the desk's rooms stand on: the rooms on a
// fresh store, with a stand-in Canvas behind them, both on one clock that only the
// test moves.
package desktest
