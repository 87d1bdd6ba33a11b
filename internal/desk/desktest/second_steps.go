package desktest

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// Seeded is a token that carries the marker of an attempt of g.
func (r *Rig) Seeded(key string, g access.Grant, attempt int) canvastest.Token {
	r.T.Helper()
	g.Attempt = attempt
	t, _ := r.W.SeedToken(key, canvastest.TokenSpec{Purpose: g.Purpose()})
	return t
}

// Stays reports which of the tokens are still there.
func (r *Rig) Stays(want string, tokens map[string]canvastest.Token) {
	r.T.Helper()
	var got []string
	for name, t := range tokens {
		for _, key := range []string{"maya", "luca"} {
			for _, now := range r.W.Tokens(key) {
				if now.ID == t.ID && now.State != canvastest.StateDeleted {
					got = append(got, name)
				}
			}
		}
	}
	if s := strings.Join(Sorted(got), ", "); s != want {
		r.T.Errorf("there is %s; want %s", s, want)
	}
}
