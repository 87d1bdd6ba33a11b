package notices

import (
	"cmp"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// endingFacts adds to a message what it tells of a leak, a freeze or a thaw.
// What is no longer so when it is sent is errMoot: another message tells the
// newer truth.
func (ns *Notices) endingFacts(tx *store.Tx, f desk.Canvas, ref NoticeRef, g access.Grant, out *MessageFacts) error {
	out.Office = f.Tenant.School.SecurityOffice
	out.sponsor = g.Sponsor
	var by access.PersonID
	var moot bool
	switch ref.Kind {
	case notify.LeakReported, notify.LeakOfEnded, notify.LeakDeleted, notify.LeakCleared:
		i, err := tx.IncidentOfGrant(g.Tenant, g.ID)
		if err != nil && !errors.Is(err, access.ErrNotFound) {
			return err
		}
		if i.How != access.LeakByIntake {
			by = i.ReportedBy
		}
		out.ByOwner = by == g.Owner
		moot = ref.Kind == notify.LeakReported && g.State.Final() // LeakDeleted says so
		out.At = cmp.Or(g.EndedAt, g.RevokingAt)
		if ref.To == ToReviewers {
			out.Link = ns.ToolLink(f, "accounts/"+f.Root(), "account_navigation", "/leaks")
		}
	case notify.Frozen:
		by, out.At, moot = g.FrozenBy, g.FrozenAt, g.State != access.Frozen
		out.Reason = g.FreezeReason
	case notify.Thawed:
		moot = g.State != access.Replacing
	default:
		return nil
	}
	if moot {
		return errMoot
	}
	out.By = ""
	if by != "" {
		p, err := tx.Person(g.Tenant, by)
		if err != nil {
			return err
		}
		out.By = p.Name
	}
	return nil
}
