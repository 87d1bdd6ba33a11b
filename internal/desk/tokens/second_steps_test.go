package tokens_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// A sweep deletes the tokens of attempts that are over, of this grant and of
// this owner, and nothing else: what it deletes depends on where the grant stands.
func TestSweepDeletesOnlyStrays(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		as    func(*access.Grant)
		stays string
	}{
		"handed over, attempt 1": {func(*access.Grant) {}, "2, 3, Luca's, another grant's, its token, own"},
		"handed over, attempt 2": {func(g *access.Grant) { g.Attempt = 2 }, "3, Luca's, another grant's, its token, own"},
		"attempt 2 under way": {func(g *access.Grant) { g.Attempt, g.State, g.CanvasID = 2, access.Minting, "" },
			"2, 3, Luca's, another grant's, own"},
		"ended": {func(g *access.Grant) { g.State = access.Revoked }, "2, 3, Luca's, another grant's, own"},
		"void":  {func(g *access.Grant) { g.State, g.CanvasID = access.Void, "" }, "2, 3, Luca's, another grant's, own"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, _ := r.Collected()
			g := *c.Grant
			f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
			r.Must(err)
			another := g
			another.ID = g.ID[:len(g.ID)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(g.ID, "A")]
			all := map[string]canvastest.Token{"its token": r.W.Tokens("maya")[0], "1": r.Seeded("maya", g, 1), "2": r.Seeded("maya", g, 2), "3": r.Seeded("maya", g, 3),
				"another grant's": r.Seeded("maya", another, 1), "Luca's": r.Seeded("luca", g, 1)}
			all["own"], _ = r.W.SeedToken("maya", canvastest.TokenSpec{Purpose: "her own"})
			tt.as(&g)
			r.Must(r.Tokens.Sweep(t.Context(), f, g))
			r.Stays(tt.stays, all)
		})
	}
}

// A token that is not as it was asked for is shown to nobody: it goes at once, and
// the attempt is checked.
func TestOddTokens(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *desktest.Rig, t map[string]any){
		"it never ends":            func(_ *desktest.Rig, t map[string]any) { t["expires_at"] = nil },
		"it ends later than asked": func(r *desktest.Rig, t map[string]any) { t["expires_at"] = r.Grants()[0].Wanted.Add(61 * time.Second) },
		"it has ended":             func(r *desktest.Rig, t map[string]any) { t["expires_at"] = r.Clock.Now() },
		"it is deleted":            func(_ *desktest.Rig, t map[string]any) { t["workflow_state"] = "deleted" },
		"it carries no marker":     func(_ *desktest.Rig, t map[string]any) { t["purpose"] = "Attendance helper" },
		"it carries another marker": func(r *desktest.Rig, t map[string]any) {
			t["purpose"] = "x [" + strings.Repeat("grt_A", 1) + strings.Repeat("A", 25) + "/1]"
		},
		"it carries another attempt": func(r *desktest.Rig, t map[string]any) {
			g := r.Grants()[0]
			g.Attempt = 2
			t["purpose"] = g.Purpose()
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			q := r.Approved()
			line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				resp, err := send(req)
				if err != nil || req.Method != http.MethodPost {
					return resp, err
				}
				var made map[string]any
				d := json.NewDecoder(resp.Body)
				d.UseNumber()
				if err := d.Decode(&made); err != nil {
					return nil, err
				}
				_ = resp.Body.Close()
				change(r, made)
				b, err := json.Marshal(made)
				resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				resp.Header.Set("Content-Length", fmt.Sprint(len(b)))
				return resp, err
			}
			r.Line.Store(&line)
			c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code())
			if err != nil || c.Stage != tokens.StageRecovering || c.Trouble != tokens.TroubleOdd || !c.Value.IsZero() {
				t.Errorf("%s (%s), %v", c.Stage, c.Trouble, err)
			}
			if r.InCanvas("maya") != 0 {
				t.Error("it is still in Canvas")
			}
			r.Line.Store(nil)
			if c, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != tokens.StageSecret {
				t.Errorf("the next press: %s (%s), %v", c.Stage, c.Trouble, err)
			}
			r.Proven()
		})
	}
}

// What a token made for another person writes, and its job when Canvas did not
// delete it at once. One without the marker stays.
func TestWritesOfAMisplacedToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	maya := r.As("maya", access.DoorCourse)
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		return send(r.ToAnother(req))
	}
	r.Line.Store(&line)
	up := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	r.Writes("made for another", `
log: maya request.collect req1 approved>collecting v5
log: maya grant.create grt1 >minting v1 of req1
log: system grant.doubt grt1 minting>recovering v2 of req1 trouble=mint.unclear
new grants grt1: attempt=1 canvas_user=maya's id created_at=now lease_until=+1m30s open=1 owner=maya request_id=req1 since=now sponsor=ana state=recovering title=Attendance helper trouble=mint.unclear updated_at=now version=2 wanted=+27d15h59m59s
requests req1: state=collecting version=5
job: grant.recover grant.recover:grt1:1:minting {"grant":"grt1","attempt":1} at +1m31s
job: grant.recover grant.recover:grt1:1:minting:doubt {"grant":"grt1","attempt":1} at +20s
job: ground.owner ground.owner:school:req1:v5 {"owner":"maya"} at +1s
job: token.stray token.stray:grt1:token1 {"grant":"grt1","attempt":1,"user":"luca's id","token":"token1"} at +30s`, func() {
		if c, err := r.Tokens.Collect(t.Context(), maya, q.Code()); err != nil || c.Stage != tokens.StageRecovering {
			t.Errorf("%s, %v", c.Stage, err)
		}
	})
	if err := r.Run(tokens.JobStray, ""); desktest.Again(err) != time.Minute {
		t.Errorf("Canvas is down, and its job says %v", err)
	}
	up()
	r.Writes("its job", `
log: system grant.stray_deleted grt1 of req1 canvas_token=token1 canvas_user=luca's id`, func() { r.Must(r.Run(tokens.JobStray, "")) })
	r.Writes("its job again", "", func() { r.Must(r.Run(tokens.JobStray, "")) })
	foreign, _ := r.W.SeedToken("luca", canvastest.TokenSpec{Purpose: "his own"})
	other := r.Seeded("luca", access.Grant{ID: "grt_" + strings.Repeat("A", 26)}, 1)
	for _, tok := range []canvastest.Token{foreign, other} {
		ref, err := json.Marshal(tokens.StrayRef{GrantRef: desk.GrantRef{Grant: r.Grants()[0].ID, Attempt: 1}, User: r.W.User("luca").ID.String(), Token: tok.ID.String()})
		r.Must(err)
		r.Writes("not ours", "", func() {
			r.Must(r.Desk.Handlers()[tokens.JobStray].Do(t.Context(), jobs.Job{Data: ref, Tenant: string(r.Tenant)}))
		})
	}
	r.Stays("his, other", map[string]canvastest.Token{"his": foreign, "other": other})
}
