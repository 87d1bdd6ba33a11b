package secret

import (
	"strings"
	"testing"
)

func TestRedactTakesTokensOutOfText(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("aB3dE6gH", 8)
	for in, want := range map[string]string{
		"It was in a chat: " + value + ".":       "It was in a chat: [removed].",
		"1234~" + value:                          "[removed]",
		"Bearer " + value[:44]:                   "Bearer [removed]",
		"in github.com/north/attendance, line 4": "in github.com/north/attendance, line 4",
		"":                                       "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
