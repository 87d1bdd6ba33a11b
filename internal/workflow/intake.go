package workflow

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

// What came of a pasted value, in the details of its audit row.
const (
	intakeMatch    = "match"
	intakeNone     = "none"
	intakeNotToken = "not_a_token"
)

// IntakeLimit is how long a pasted text may be, in bytes.
const IntakeLimit = 1000

// CheckLeak looks for the token behind a value that was found somewhere. The
// value itself goes nowhere: its keyed hash is compared with those kept from
// mint time, within the caller's tenant alone. A match ends the token as a
// reported leak does, live or ended, and opens its incident; the page is that
// token's. Every try is recorded with its outcome, never with the value.
//
// Reviewers may, at any age of their launch. It returns access.ErrNotFound when
// no token made here has this value, and a *access.FormError when the text is
// no token's value.
func (s *Service) CheckLeak(ctx context.Context, caller access.Caller, pasted string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.VerbCheckLeak, &err)
	value := secret.New(pasted)
	who, err := s.pressing(ctx, caller)
	if err == nil {
		err = s.noteRefusal(ctx, caller, string(caller.Tenant), access.ReportLeak, caller.MayRemove())
	}
	if err != nil {
		return TokenPage{}, err
	}
	digests, ok := s.digestsOf(value)
	if !ok {
		if err := s.noteIntake(ctx, caller, string(caller.Tenant), intakeNotToken); err != nil {
			return TokenPage{}, err
		}
		form := &access.FormError{}
		form.Add("suspect", "suspect.not_token", nil)
		return TokenPage{}, form
	}
	var g access.Grant
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		g, err = tx.GrantByDigest(caller.Tenant, digests)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		if err := s.noteIntake(ctx, caller, string(caller.Tenant), intakeNone); err != nil {
			return TokenPage{}, err
		}
		return TokenPage{}, access.ErrNotFound
	}
	if err != nil {
		return TokenPage{}, err
	}
	if err := s.noteIntake(ctx, caller, g.ID, intakeMatch); err != nil {
		return TokenPage{}, err
	}
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return TokenPage{}, err
	}
	if err := s.endLeaked(ctx, f, who, g, access.LeakByIntake); err != nil {
		return TokenPage{}, err
	}
	s.nudge()
	return s.token(ctx, who, caller.Tenant, g.ID)
}

func (s *Service) noteIntake(ctx context.Context, caller access.Caller, object, outcome string) error {
	e := s.event(caller.Tenant, caller.ID(), audit.LeakIntake, object)
	d := audit.NewDetail(map[string]string{"outcome": outcome})
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) })
}

// shardPrefix is what hosted Canvas puts before a value.
var shardPrefix = regexp.MustCompile(`^[0-9]{1,20}~`)

// tokenValue is the form of a value without that: 64 letters and digits
// (app/models/access_token.rb); other lengths are admitted for other Canvases.
var tokenValue = regexp.MustCompile(`^[A-Za-z0-9_]{20,255}$`)

// digest is the keyed hash that is kept of a token's value. The shard prefix is
// left out: people paste values with and without it.
func (s *Service) digest(value secret.Text) []byte {
	return s.Box.MAC(leakPurpose, []byte(shardPrefix.ReplaceAllString(value.Reveal(), "")))
}

// digestsOf are the keyed hashes that a pasted value may have been kept under,
// or false when the text is no token's value. What people copy along with one
// is tolerated: spaces, quotes, "Authorization: Bearer".
func (s *Service) digestsOf(pasted secret.Text) ([][]byte, bool) {
	text := pasted.Reveal()
	if len(text) > IntakeLimit {
		return nil, false
	}
	text = strings.TrimFunc(text, aroundValue)
	for _, lead := range []string{"authorization", "bearer"} {
		if len(text) > len(lead) && strings.EqualFold(text[:len(lead)], lead) && strings.ContainsAny(text[len(lead):len(lead)+1], " \t:=\"'") {
			text = strings.TrimFunc(text[len(lead):], aroundValue)
		}
	}
	bare := shardPrefix.ReplaceAllString(text, "")
	if !tokenValue.MatchString(bare) {
		return nil, false
	}
	out := s.Box.MACs(leakPurpose, []byte(bare))
	if bare != text { // kept before the prefix was left out
		out = append(out, s.Box.MACs(leakPurpose, []byte(text))...)
	}
	return out, true
}

// aroundValue reports whether a character can stand around a value that was
// copied from a header, a file or a chat, and is no part of it.
func aroundValue(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u00a0\u200b\ufeff\"'`“”‘’«»<>()[]{},;:=", r)
}
