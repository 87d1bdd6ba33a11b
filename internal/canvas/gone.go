package canvas

import (
	"context"
	"time"
)

// GoneEvidence is what a look at Canvas says about whether a token can still
// work.
type GoneEvidence struct {
	// Gone is true only with proof. False means "may still work".
	Gone bool
	// State is the state that Canvas gave for the token, "" when it gave none.
	State string
	// Reason says in words what proves it, or what is missing for a proof. It
	// is for the audit record and for operators.
	Reason string
	// At is when Canvas was asked.
	At time.Time
}

// The permissions without which Canvas may hide a token that exists.
var gonePermissions = []string{PermissionViewTokens, PermissionDeleteTokens}

// Gone reads back whether a token is gone. It is gone when Canvas answers with
// state deleted; or when Canvas answers 404 and the owner is found, and the
// credential's permissions are confirmed in the account, and a full list of the
// owner's tokens does not have it. A 404 alone proves nothing: Canvas gives it
// for an unknown owner and for a missing right too.
//
// Whatever could not be established leaves Gone false, with the Reason, and the
// error of the call that failed, if one did.
func (c *Client) Gone(ctx context.Context, accountID, userID, tokenID string) (GoneEvidence, error) {
	ev := GoneEvidence{At: c.cfg.Now()}
	not := func(reason string, err error) (GoneEvidence, error) {
		ev.Reason = reason
		return ev, err
	}
	t, err := c.ShowToken(ctx, userID, tokenID)
	switch {
	case err == nil && !SameID(t.UserID, userID):
		return not("Canvas shows the token with another owner", nil)
	case err == nil && t.State == StateDeleted:
		ev.Gone, ev.State = true, t.State
		return not("Canvas says that the token is deleted", nil)
	case err == nil:
		ev.State = t.State
		return not("Canvas still has the token, in state "+tidy(t.State, nil), nil)
	case KindOf(err) != NotFound:
		return not("Canvas could not be asked about the token", err)
	}

	owner, err := c.User(ctx, userID)
	switch {
	case KindOf(err) == NotFound:
		return not("Canvas does not find the token, nor its owner", nil)
	case err != nil:
		return not("Canvas does not find the token, and could not be asked about its owner", err)
	case !SameID(owner.ID, userID):
		return not("Canvas does not find the token, and answers with another person for its owner", nil)
	}

	held, err := c.Permissions(ctx, accountID, gonePermissions...)
	if err != nil {
		return not("Canvas does not find the token, and the credential's permissions could not be read", err)
	}
	for _, p := range gonePermissions {
		if !held[p] {
			return not("Canvas does not find the token, but the credential lacks "+p, nil)
		}
	}

	tokens, err := c.ListTokens(ctx, userID)
	if err != nil {
		return not("Canvas does not find the token, and the owner's list could not be read in full", err)
	}
	for _, t := range tokens {
		switch {
		case !SameID(t.UserID, userID):
			return not("Canvas does not find the token, and its list has tokens of another person", nil)
		case !SameID(t.ID, tokenID):
		case t.State == StateDeleted:
			ev.Gone, ev.State = true, t.State
			return not("Canvas lists the token as deleted", nil)
		default:
			ev.State = t.State
			return not("Canvas does not find the token by its id, but lists it", nil)
		}
	}
	ev.Gone = true
	return not("Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it", nil)
}
