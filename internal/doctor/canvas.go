package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/store"
)

// needed are Canvas's permissions about access tokens, all held at the root
// account (lib/permissions_registry.rb). A Canvas of 2024, in which an admin
// cannot list the tokens of others, has none that lets an admin see them, and
// nobody can give it.
func needed(found canvas.Eras) []string {
	both := []string{canvas.PermissionCreateTokens, canvas.PermissionDeleteTokens}
	if found.Era == canvas.Era1 {
		return both
	}
	return append(both, canvas.PermissionViewTokens)
}

// When the end of an admin's token is worth a word, and when it is a failure.
const (
	credentialWarn = 30 * 24 * time.Hour
	credentialFail = 3 * 24 * time.Hour
)

func (d *doctor) canvas(ctx context.Context, in *Program, p store.Platform) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	what := p.Name + ": Canvas credential"
	client, err := in.Canvas.Of(p)
	if err != nil {
		d.say(what, err, "")
		return
	}
	oauth, err := in.Canvas.Renew(ctx, p)
	if err != nil {
		d.say(p.Name+": OAuth refresh", err, "")
		return
	}
	if oauth {
		d.say(p.Name+": OAuth refresh", nil, "Canvas gave an access token for the refresh token")
	}
	root, err := client.Account(ctx, "self")
	if canvas.HasReason(err, canvas.ReasonNotCanvas) {
		err = fmt.Errorf("this address does not answer as Canvas: %s: give the school's own Canvas to platform add as -canvas-url (%w)", p.CanvasURLs[0], err)
	}
	if err != nil {
		d.say(what, err, "")
		return
	}
	d.say(what, nil, fmt.Sprintf("%s, accepted by %s (account %s)", p.CanvasURLs[0], root.Name, root.ID))
	if !oauth {
		d.credentialEnd(ctx, in, p, client)
	}
	d.era(ctx, in, p, client)
	found, _ := client.Era(ctx) // its trouble was told just now; then all are asked for
	need := needed(found)
	held, err := client.Permissions(ctx, root.ID, need...)
	if err != nil {
		d.say(p.Name+": permissions", err, "")
		return
	}
	d.permissions(p, root.ID, need, held)
	d.freeze(p, held)
	d.report(ctx, p, client, root.ID)
	d.note(p.Name+": self-service", "Canvas does not tell by its API whether people may create tokens themselves: look at the settings of account "+
		root.ID+" (limit the creation of personal access tokens to admins), and at new tokens that Tokendesk did not make")
}

func (d *doctor) permissions(p store.Platform, root string, needed []string, held map[string]bool) {
	var lacking []string
	for _, n := range needed {
		if !held[n] {
			lacking = append(lacking, n)
		}
	}
	if len(lacking) > 0 {
		d.say(p.Name+": permissions", fmt.Errorf("the credential's user lacks %s in account %s: give its role \"Users - Manage Access Tokens\"",
			strings.Join(lacking, ", "), root), "")
		return
	}
	d.say(p.Name+": permissions", nil, strings.Join(needed, ", "))
}

// credentialEnd tells when an admin's token ends.
func (d *doctor) credentialEnd(ctx context.Context, in *Program, p store.Platform, client *canvas.Client) {
	what := p.Name + ": end of the credential"
	ends, err := credential.End(ctx, client)
	if err != nil {
		d.say(what, err, "")
		return
	}
	left := ends.Sub(in.Now())
	on := ends.UTC().Format("2006-01-02 15:04 MST")
	const renew = "make a new token in Canvas and store it with platform credential"
	switch {
	case ends.IsZero():
		d.say(what, nil, "none that Canvas tells of")
	case left <= credentialFail:
		d.say(what, fmt.Errorf("it ends on %s: %s, now", on, renew), "")
	case left <= credentialWarn:
		d.note(what, fmt.Sprintf("it ends on %s: %s", on, renew))
	default:
		d.say(what, nil, on)
	}
}

// era tells of which age this Canvas is, and what that means for the school.
func (d *doctor) era(ctx context.Context, in *Program, p store.Platform, client *canvas.Client) {
	what := p.Name + ": Canvas's age"
	found, err := client.Era(ctx)
	if err != nil {
		d.say(what, err, "")
		return
	}
	var denials string
	switch found.DeniedStatus {
	case http.StatusUnauthorized:
		denials = "; it answered a denial with 401, as before 2026"
	case http.StatusForbidden:
		denials = "; it answered a denial with 403, as since 2026"
	}
	if found.Lists {
		d.say(what, nil, string(found.Era)+": tokens can be listed, so a lost answer is cleared up and an end is proven"+denials)
		return
	}
	accepted, err := d.acceptsNoListing(ctx, in, p)
	switch {
	case err != nil:
		d.say(what, err, "")
	case accepted:
		d.note(what, string(found.Era)+": tokens cannot be listed; the school accepted that, so they are made all the same, and an end cannot always be proven"+denials)
	default:
		d.note(what, string(found.Era)+": tokens cannot be listed, so none is made; to accept that a lost answer may leave a token behind, "+
			"set accept_no_listing with platform settings"+denials)
	}
}

func (d *doctor) acceptsNoListing(ctx context.Context, in *Program, p store.Platform) (yes bool, err error) {
	err = in.Store.Read(ctx, func(tx *store.Tx) error {
		t, err := tx.Tenant(p.Tenant)
		yes = t.School.AcceptNoListing
		return err
	})
	return yes, err
}

// freeze tells whether a token can be frozen: its value replaced by one that
// nobody sees, which Canvas counts to creating.
func (d *doctor) freeze(p store.Platform, held map[string]bool) {
	what := p.Name + ": freezing tokens"
	if held[canvas.PermissionCreateTokens] {
		d.say(what, nil, "possible")
		return
	}
	d.note(what, "not possible without "+canvas.PermissionCreateTokens+"; revoking is not affected")
}

// report tells whether the report of all tokens can be had.
func (d *doctor) report(ctx context.Context, p store.Platform, client *canvas.Client, root string) {
	what := p.Name + ": report of all tokens"
	has, err := client.HasTokenReport(ctx, root)
	switch {
	case canvas.KindOf(err) == canvas.Denied:
		d.note(what, "not possible: the credential's user lacks read_reports (\"Reports - manage\") in account "+root+
			", so tokens that Tokendesk did not make stay unseen")
	case err != nil:
		d.say(what, err, "")
	case !has:
		d.note(what, "this Canvas does not offer it, so tokens that Tokendesk did not make stay unseen")
	default:
		d.say(what, nil, "possible")
	}
}
