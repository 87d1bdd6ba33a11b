package desk

import (
	"strconv"
	"strings"
)

// A page's cursor carries how many rows came before it, for "Showing 26–50".

// JoinCursor adds to a cursor how many rows stand before it.
func JoinCursor(before int, c string) string { return strconv.Itoa(before) + "~" + c }

// SplitCursor takes a joined cursor apart; one that was made up begins the list.
func SplitCursor(s string) (before int, c string) {
	n, rest, ok := strings.Cut(s, "~")
	before, err := strconv.Atoi(n)
	if !ok || err != nil || before < 0 || before > 1_000_000 {
		return 0, ""
	}
	return before, rest
}
