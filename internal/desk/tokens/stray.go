package tokens

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// jobStray deletes a token that Canvas made for another person than asked: no
// look at the list of the grant's owner would find it.
const jobStray = "token.stray"

type strayRef struct {
	desk.GrantRef
	User  string `json:"user"`  // whom Canvas made it for
	Token string `json:"token"` // its Canvas id
}

// misplaced deletes a token that Canvas made for another person than asked. Its
// value was in the answer and goes no further. The job is stored first: should
// this process die, the token goes all the same.
func (wa *Watching) misplaced(ctx context.Context, f desk.Canvas, g access.Grant, t canvas.Token) {
	ctx, cancel := wa.desk.WithLimit(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	wa.desk.Log.ErrorContext(ctx, "Canvas made a token for another person than asked", "grant", g.ID, "attempt", g.Attempt, "canvas_token", t.ID)
	ref := strayRef{desk.GrantRef{Grant: g.ID, Attempt: g.Attempt}, t.UserID, t.ID}
	data, _ := json.Marshal(ref) // always marshals
	j := desk.NewJob(g.Tenant, jobStray, jobStray+":"+g.ID+":"+t.ID, data, wa.desk.Now().Add(30*time.Second))
	if err := wa.desk.Store.InsertJob(ctx, j); err != nil {
		wa.desk.Log.ErrorContext(ctx, "its deletion could not be queued", "grant", g.ID, "err", err)
	}
	wa.desk.Step("misplaced")
	if err := wa.endStray(ctx, f, g, ref); err != nil {
		wa.desk.Log.WarnContext(ctx, "not proven gone yet; a job goes on", "grant", g.ID, "err", err)
	}
}

func (wa *Watching) strayHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[strayRef](j.Data)
	if err != nil {
		return err
	}
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if err := wa.endStray(ctx, f, g, ref); err != nil {
		wa.desk.Log.WarnContext(ctx, "a stray token is not proven gone", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

// endStray deletes one token that carries g's marker, and proves it. A token
// that does not carry the marker is left alone: it is not ours.
func (wa *Watching) endStray(ctx context.Context, f desk.Canvas, g access.Grant, ref strayRef) error {
	t, err := f.ShowToken(ctx, ref.User, ref.Token)
	switch id, _, ok := access.ParseMarker(t.Purpose); {
	case desk.NotFound(err):
	case wa.desk.TrackAnswer(g.Tenant, err) != nil:
		return err
	case !ok || id != g.ID || canvas.SameID(t.ID, g.CanvasID):
		wa.desk.Log.ErrorContext(ctx, "it does not carry the marker, so it stays", "grant", g.ID, "canvas_token", t.ID)
		return nil
	case t.State != canvas.StateDeleted:
		if _, err := f.DeleteToken(ctx, ref.User, ref.Token); wa.desk.TrackAnswer(g.Tenant, err) != nil && !desk.NotFound(err) {
			return err
		}
		e := wa.desk.Event(g.Tenant, access.SystemID, audit.GrantStray, g.ID)
		e.Related = g.RequestID
		d := audit.NewDetail(map[string]string{"canvas_token": ref.Token, "canvas_user": ref.User})
		if err := wa.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
			return err
		}
	}
	_, err = wa.desk.ProveGone(ctx, f, ref.User, ref.Token)
	return err
}
