package leaks

import (
	"cmp"
	"context"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// openLeaksShown is how many open incidents the first page shows at most.
const openLeaksShown = 200

// List is the reviewers' page of leaks: all that are open, and one page of
// those that were cleared.
type List struct {
	Open    []Row
	Cleared []Row
	Opened  int // open ones, on all pages
	Total   int // cleared ones, on all pages
	From    int
	Next    string
}

// Row is one incident and the token it is about.
type Row struct {
	Incident access.Incident
	Case     cases.Case // without a Grant when the incident is about none
	Reporter string
	Clearer  string
}

// Page is one incident opened.
type Page struct {
	Row
	Story []cases.StoryStep
	Seen  []cases.StoryStep // where it was seen, as it was told
	Note  string            // what was found, when it was cleared; access.Erased where it was erased
	// Can: the caller may clear it. Why names what stands in the way.
	Can bool
	Why access.Why
	// Waits: the token is not proven gone yet; before that nothing is cleared.
	Waits bool
	// Terms are what who clears it reads.
	Terms access.Terms
}

// List is the reviewers' list of incidents, open ones first.
func (ls *Leaks) List(ctx context.Context, caller access.Caller, after string) (List, error) {
	who, err := ls.cases.ReviewerViewing(ctx, caller)
	if err != nil {
		return List{}, err
	}
	var out List
	err = ls.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if out.Opened, err = tx.OpenIncidents(caller.Tenant, ""); err != nil {
			return err
		}
		open, err := tx.Incidents(store.IncidentQuery{Tenant: caller.Tenant, State: store.IncidentOpened, Limit: openLeaksShown})
		if err != nil {
			return err
		}
		if out.Open, err = ls.leakRows(tx, who, open); err != nil {
			return err
		}
		q := store.IncidentQuery{Tenant: caller.Tenant, State: store.IncidentCleared, Limit: cases.PageSize + 1}
		if out.Total, err = tx.CountIncidentsTo(q, cases.MostCounted); err != nil {
			return err
		}
		at, place := desk.SplitCursor(after)
		q.After, out.From = store.Cursor(place), at+1
		cleared, err := tx.Incidents(q)
		if err != nil {
			return err
		}
		if len(cleared) > cases.PageSize {
			cleared = cleared[:cases.PageSize]
			out.Next = desk.JoinCursor(at+cases.PageSize, string(q.Next(cleared[cases.PageSize-1])))
		}
		out.Cleared, err = ls.leakRows(tx, who, cleared)
		return err
	})
	return out, err
}

// leakRows adds to incidents what a reviewer sees of their tokens.
func (ls *Leaks) leakRows(tx *store.Tx, who access.Actor, is []access.Incident) ([]Row, error) {
	if len(is) == 0 {
		return nil, nil
	}
	tenant := is[0].Tenant
	var ids []string
	var named []access.PersonID
	for _, i := range is {
		ids, named = append(ids, i.GrantID), append(named, i.Owner, i.ReportedBy, i.ClearedBy)
	}
	people, err := tx.People(tenant, notices.CompactIDs(named...))
	if err != nil {
		return nil, err
	}
	grants, err := tx.GrantsByID(tenant, ids)
	if err != nil {
		return nil, err
	}
	var gs []access.Grant // as many as incidents of tokens, in their order
	for _, i := range is {
		if i.GrantID == "" {
			continue
		}
		g, ok := grants[i.GrantID]
		if !ok {
			return nil, access.ErrNotFound
		}
		gs = append(gs, g)
	}
	seen, err := ls.cases.SeeGrants(tx, who, gs)
	if err != nil {
		return nil, err
	}
	out := make([]Row, len(is))
	for n, i := range is {
		row := Row{Incident: i, Reporter: people[i.ReportedBy].Name, Clearer: people[i.ClearedBy].Name}
		if i.GrantID == "" {
			row.Case.Names = map[access.PersonID]string{i.Owner: people[i.Owner].Name}
		} else {
			row.Case, seen = seen[0], seen[1:]
			row.Case.Leak = &i
			ls.cases.SetButtons(&row.Case, who)
		}
		out[n] = row
	}
	return out, nil
}

// Open is one incident, for reviewers.
func (ls *Leaks) Open(ctx context.Context, caller access.Caller, id string) (Page, error) {
	who, err := ls.cases.ReviewerViewing(ctx, caller)
	if err != nil {
		return Page{}, err
	}
	return ls.open(ctx, caller, who, id)
}

func (ls *Leaks) open(ctx context.Context, caller access.Caller, who access.Actor, id string) (Page, error) {
	if !strings.HasPrefix(id, "inc_") || len(id) > 40 {
		return Page{}, access.ErrNotFound
	}
	var p Page
	err := ls.desk.Store.Read(ctx, func(tx *store.Tx) error {
		i, err := tx.Incident(caller.Tenant, id)
		if err != nil {
			return err
		}
		rows, err := ls.leakRows(tx, who, []access.Incident{i})
		if err != nil {
			return err
		}
		p.Row = rows[0]
		if p.Terms, err = leakTerms(tx, i, p.Case.Grant); err != nil {
			return err
		}
		if p.Story, err = ls.cases.Story(tx, caller.Tenant, cmp.Or(i.GrantID, i.ID), p.Case); err != nil {
			return err
		}
		told, err := ls.cases.Story(tx, caller.Tenant, i.ID, p.Case)
		if err != nil {
			return err
		}
		for _, st := range told {
			if st.Action == audit.IncidentSeen {
				p.Seen = append(p.Seen, st)
			}
		}
		p.Note, err = tx.Quote(caller.Tenant, i.ID, store.QuoteNote)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	if p.Incident.Open() {
		probe := who
		probe.LaunchedAt, probe.NoWrites = ls.desk.Now(), "" // the button stays; the answer to a press explains
		_, err := p.Incident.Clear(probe, clearSponsor(p.Case, who.Person), "asked", ls.desk.Now())
		p.Why = access.WhyOf(err)
		p.Waits = p.Case.Grant != nil && p.Case.Grant.State.Live()
		p.Can = err == nil && !p.Waits
	}
	return p, nil
}

// leakTerms are the terms of an incident about g, or about no known token. What
// was told of it counts by its audit events, not by their erasable text.
func leakTerms(tx *store.Tx, i access.Incident, g *access.Grant) (access.Terms, error) {
	entries, err := tx.AuditOf(i.Tenant, i.ID)
	if err != nil {
		return access.Terms{}, err
	}
	var seen []string
	for _, e := range entries {
		if e.Event.Object == i.ID && e.Event.Action == audit.IncidentSeen {
			seen = append(seen, e.Event.ID)
		}
	}
	var state access.GrantState
	if g != nil {
		state = g.State
	}
	return access.LeakTerms(i, seen, state), nil
}

// clearSponsor is who may not clear the leak of a case's token as its sponsor:
// whoever stands for it, or stood for it when it was asked for.
func clearSponsor(c cases.Case, who access.PersonID) access.PersonID {
	if c.Grant == nil {
		return ""
	}
	if who == c.Request.Endorsement().Person || who == c.Request.Sponsor {
		return who
	}
	return c.Grant.Sponsor
}

// Clear ends an incident, with a note on what was found: the owner may
// collect tokens again and is told. It takes a reviewer whom Canvas confirms
// now, with a fresh launch, who is neither the owner nor the sponsor; and a
// token that Canvas has proven gone (access.ErrConflict before). read is the
// digest of what the person read (Page.Terms); what came to be known since
// is a *access.TermsError.
func (ls *Leaks) Clear(ctx context.Context, caller access.Caller, id, note, read string) (Page, error) {
	guard := desk.Guard{Do: access.ClearIncident, Object: id, Asks: true}
	return desk.Verb(ctx, ls.desk, caller, guard, func(ctx context.Context) (Page, error) {
		who, err := ls.cases.AsReviewer(ctx, caller)
		if err != nil {
			return Page{}, err
		}
		if err := ls.clearLeak(ctx, caller, who, id, note, read); err != nil {
			return Page{}, err
		}
		return ls.open(ctx, caller, who, id)
	})
}

func (ls *Leaks) clearLeak(ctx context.Context, caller access.Caller, who access.Actor, id, note, read string) error {
	p, err := ls.open(ctx, caller, who, id)
	if err != nil {
		return err
	}
	if err := desk.WithoutTokens(desk.TypedText{Field: "reason", Text: note}); err != nil {
		return err
	}
	if !p.Incident.Open() && p.Incident.ClearedBy == caller.Person {
		return nil // pressed twice
	}
	// The core first: what it refuses is answered without asking Canvas.
	if _, err := p.Incident.Clear(who, clearSponsor(p.Case, caller.Person), note, ls.desk.Now()); err != nil {
		return err
	}
	if err := p.Terms.Check(read); err != nil {
		return err
	}
	f, err := ls.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return err
	}
	if who, err = ls.authority.Decider(ctx, f, caller); err != nil {
		return err
	}
	return ls.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		var todo []jobs.Insert
		before, err := tx.Incident(caller.Tenant, id)
		if err != nil {
			return err
		}
		if gid := p.Incident.GrantID; gid != "" {
			g, err := tx.Grant(caller.Tenant, gid)
			if err != nil {
				return err
			}
			if g.State.Live() {
				return &access.TransitionError{From: string(g.State), Action: access.ClearIncident}
			}
			r, err := tx.Request(caller.Tenant, g.RequestID)
			if err != nil {
				return err
			}
			p.Case.Grant, p.Case.Request = &g, r
			todo = append(todo, ls.notices.NoticeJob(notify.LeakCleared, r, &g, g.Owner, id))
		}
		after, err := before.Clear(who, clearSponsor(p.Case, caller.Person), note, ls.desk.Now())
		if err != nil {
			return err
		}
		now, err := leakTerms(tx, before, p.Case.Grant)
		if err != nil {
			return err
		}
		if err := now.Check(read); err != nil {
			return err
		}
		e := ls.desk.Event(caller.Tenant, who.ID(), audit.IncidentClear, id)
		e.From, e.To, e.Version, e.Related = store.IncidentOpened, store.IncidentCleared, after.Version, after.GrantID
		if err := tx.KeepQuote(caller.Tenant, id, store.QuoteNote, note); err != nil {
			return err
		}
		return tx.SaveIncident(after, e, audit.NewDetail(map[string]string{"note": note}), todo...)
	})
}
