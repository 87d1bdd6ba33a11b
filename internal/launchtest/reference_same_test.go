package launchtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestReferenceDoesTheSame holds the benchmark's reference to the product: word
// by word the same statements, in the same order and the same transactions, for
// a login, and for a launch of somebody known. Where the product changes, the reference must
// follow (or the comparison would measure something else).
func TestReferenceDoesTheSame(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite:") {
			t.Skip("the reference is written for PostgreSQL")
		}
		t.Parallel()
		w := listen(t, dsn)
		s := newShots(t, dsn)
		said := map[string][]string{}
		for _, kind := range []string{wholeProduct, productReads, wholeReference, productSession, referenceSession} {
			one := start(t, kind, w.url, s.url, s.keyFile)
			s.fire(one, s.make(3), 1) // whatever is read once is read now
			w.statements()
			sessions := s.count("sessions")
			s.fire(one, s.make(1), 1)
			if n := s.count("sessions"); n != sessions+1 {
				t.Errorf("%s: %d sessions, %d before", kind, n, sessions)
			}
			said[kind] = w.statements()
			if kind == wholeProduct || kind == wholeReference {
				s.logins(one, 1, 1)
				said["a login of "+kind] = w.statements()
			}
		}
		for product, reference := range map[string]string{
			wholeProduct: wholeReference, productReads: wholeReference, productSession: referenceSession, "a login of " + wholeProduct: "a login of " + wholeReference,
		} {
			if len(said[product]) == 0 || !slices.Equal(said[product], said[reference]) {
				t.Errorf("%s says\n  %s\n%s says\n  %s", product, strings.Join(said[product], "\n  "), reference, strings.Join(said[reference], "\n  "))
			}
		}
		// What a visit costs: one statement more is a decision, not an accident.
		for kind, n := range map[string]int{"a login of " + wholeProduct: 1, wholeProduct: 6, productSession: 5} {
			if len(said[kind]) != n {
				t.Errorf("%s says %d statements, not %d", kind, len(said[kind]), n)
			}
		}
	})
}

// TestReferenceRefuses: it is a reference only if it checks what it should.
func TestReferenceRefuses(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite:") {
			t.Skip("the reference is written for PostgreSQL")
		}
		t.Parallel()
		s := newShots(t, dsn)
		one := start(t, wholeReference, s.dsn, s.url, s.keyFile)
		good := s.make(3)
		sessions := s.count("sessions")
		replayed, elsewhere, tampered := good[0], good[1], good[2]
		s.fire(one, good[:1], 1)
		elsewhere.cookie = good[0].cookie
		i := strings.Index(tampered.body, "id_token=") + 200
		tampered.body = tampered.body[:i] + "A" + tampered.body[i+1:]
		for name, x := range map[string]shot{"a replayed launch": replayed, "another browser": elsewhere, "a changed token": tampered} {
			if got := s.answer(one, "/lti/launch", x); got == 200 {
				t.Errorf("%s is let in", name)
			}
		}
		if n := s.count("sessions"); n != sessions+1 {
			t.Errorf("%d sessions, %d before", n, sessions)
		}
	})
}
