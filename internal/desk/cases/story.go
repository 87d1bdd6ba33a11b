package cases

import (
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// StoryStep is one line of a request's or token's story, newest last.
type StoryStep struct {
	At     time.Time
	Actor  string // name; "" for the tool itself
	Action audit.Action
	To     string
	Quote  string // what the actor wrote; access.Erased where it was erased
	// Why is a code where the action alone does not tell what happened: what stood
	// in the way of a token that was to be kept (audit.RequestReturn), WhyEnded for
	// the leak of a token that had ended before (audit.IncidentOpen).
	Why string
}

// WhyEnded is the StoryStep.Why of a leak of a token that had ended before.
const WhyEnded = "ended"

// Story tells what happened to an object, newest last, with names read now. It is
// the one reader of what the audit log keeps in details: a page shows them as
// quotes of the past, and nothing else of it may depend on them.
func (cs *Cases) Story(tx *store.Tx, tenant access.TenantID, object string, c Case) ([]StoryStep, error) {
	entries, err := tx.AuditOf(tenant, object)
	if err != nil {
		return nil, err
	}
	var ids []access.PersonID
	var opened []string
	for _, e := range entries {
		if e.Event.Action == audit.IncidentOpen {
			opened = append(opened, e.Event.Object)
		}
		if _, known := c.Names[access.PersonID(e.Event.Actor)]; !known && strings.HasPrefix(e.Event.Actor, "per_") {
			ids = append(ids, access.PersonID(e.Event.Actor))
		}
	}
	more, err := tx.People(tenant, ids)
	if err != nil {
		return nil, err
	}
	incidents, err := tx.IncidentsByID(tenant, opened)
	if err != nil {
		return nil, err
	}
	var out []StoryStep
	returned := -1
	for _, e := range entries {
		if hidden(e, c) {
			continue
		}
		st := StoryStep{At: e.Event.At, Action: e.Event.Action, To: e.Event.To, Quote: quoteOf(e)}
		if n, ok := c.Names[access.PersonID(e.Event.Actor)]; ok {
			st.Actor = n
		} else if p, ok := more[access.PersonID(e.Event.Actor)]; ok {
			st.Actor = p.Name
		}
		switch e.Event.Action {
		case audit.IncidentOpen:
			if incidents[e.Event.Object].AfterEnd {
				st.Why = WhyEnded
			}
		case audit.RequestReturn:
			returned = len(out)
			if e.Detail != nil {
				st.Why = e.Detail.Data["trouble"] // of earlier times; the last has it on the request
			}
		}
		out = append(out, st)
	}
	if returned >= 0 {
		out[returned].Why = c.Request.ReturnedWhy
	}
	return out, nil
}

// quoting are the actions with which people write what others read.
var quoting = []audit.Action{audit.RequestEndorse, audit.RequestDecline, audit.RequestApprove, audit.RequestDeny, audit.RequestRescind, audit.RequestEndSponsor,
	audit.GrantRevoke, audit.GrantFreeze, audit.GrantEndSponsor, audit.FoundAllow, audit.FoundRemove, audit.IncidentSeen}

// quoteOf is what the actor of an event wrote with it.
func quoteOf(e store.AuditEntry) string {
	switch {
	case e.Detail != nil && e.Event.Action == audit.IncidentSeen:
		return e.Detail.Data["seen"]
	case e.Detail != nil:
		return e.Detail.Data["quote"]
	case len(e.Event.DetailSum) > 0 && e.Event.Actor != access.SystemID && slices.Contains(quoting, e.Event.Action):
		return access.Erased
	}
	return ""
}

// hidden leaves out of a request's story what its reader has no use for.
func hidden(e store.AuditEntry, c Case) bool {
	switch e.Event.Action {
	case audit.GrantCreate, audit.GrantMint, audit.GrantObserved, audit.GrantStray, audit.RequestCollect, audit.RequestHandOver, audit.RequestCreate:
		return !c.Reviewer
	case audit.Refused, audit.NoticeFailed:
		return true
	}
	return false
}
