package leaks

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
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

// Check looks for the token behind a value that was found somewhere. The
// value itself goes nowhere: its keyed hash is compared with those kept from
// mint time, within the caller's tenant alone. A match ends the token as a
// reported leak does, live or ended, and opens its incident; the page is that
// token's. Every try is recorded with its outcome, never with the value.
//
// Reviewers may, at any age of their launch. It returns access.ErrNotFound when
// no token made here has this value, and a *access.FormError when the text is
// no token's value.
func (ls *Leaks) Check(ctx context.Context, caller access.Caller, pasted string) (_ cases.TokenPage, err error) {
	defer desk.VerbEnded(ls.desk.Observer, access.VerbCheckLeak, &err)
	value := secret.New(pasted)
	who, err := ls.cases.ReviewerPressing(ctx, caller)
	if err == nil {
		err = ls.desk.RecordRefusal(ctx, caller, string(caller.Tenant), access.ReportLeak, caller.MayRemove())
	}
	if err != nil {
		return cases.TokenPage{}, err
	}
	digests, ok := ls.digestsOf(value)
	if !ok {
		if err := ls.recordIntake(ctx, caller, string(caller.Tenant), intakeNotToken); err != nil {
			return cases.TokenPage{}, err
		}
		form := &access.FormError{}
		form.Add("suspect", "suspect.not_token", nil)
		return cases.TokenPage{}, form
	}
	var g access.Grant
	err = ls.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		g, err = tx.GrantByDigest(caller.Tenant, digests)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		if err := ls.recordIntake(ctx, caller, string(caller.Tenant), intakeNone); err != nil {
			return cases.TokenPage{}, err
		}
		return cases.TokenPage{}, access.ErrNotFound
	}
	if err != nil {
		return cases.TokenPage{}, err
	}
	if err := ls.recordIntake(ctx, caller, g.ID, intakeMatch); err != nil {
		return cases.TokenPage{}, err
	}
	f, err := ls.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if err := ls.endLeaked(ctx, f, who, g, access.LeakByIntake); err != nil {
		return cases.TokenPage{}, err
	}
	ls.desk.Wake()
	return ls.cases.TokenPage(ctx, who, caller.Tenant, g.ID)
}

func (ls *Leaks) recordIntake(ctx context.Context, caller access.Caller, object, outcome string) error {
	e := ls.desk.Event(caller.Tenant, caller.ID(), audit.LeakIntake, object)
	d := audit.NewDetail(map[string]string{"outcome": outcome})
	return ls.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) })
}

// tokenValue is the form of a value without that: 64 letters and digits
// (app/models/access_token.rb); other lengths are admitted for other Canvases.
var tokenValue = regexp.MustCompile(`^[A-Za-z0-9_]{20,255}$`)

// digestsOf are the keyed hashes that a pasted value may have been kept under,
// or false when the text is no token's value. What people copy along with one
// is tolerated: spaces, quotes, "Authorization: Bearer".
func (ls *Leaks) digestsOf(pasted secret.Text) ([][]byte, bool) {
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
	bare := tokens.ShardPrefix.ReplaceAllString(text, "")
	if !tokenValue.MatchString(bare) {
		return nil, false
	}
	out := ls.desk.Box.MACs(tokens.LeakPurpose, []byte(bare))
	if bare != text { // kept before the prefix was left out
		out = append(out, ls.desk.Box.MACs(tokens.LeakPurpose, []byte(text))...)
	}
	return out, true
}

// aroundValue reports whether a character can stand around a value that was
// copied from a header, a file or a chat, and is no part of it.
func aroundValue(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u00a0\u200b\ufeff\"'`“”‘’«»<>()[]{},;:=", r)
}
