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
	ev, missing, err := c.shown(ctx, userID, tokenID)
	if !missing {
		return ev, err
	}
	list, reason, err := c.fullList(ctx, accountID, userID, nil)
	if reason != "" {
		ev.Reason = "Canvas does not find the token" + reason
		return ev, err
	}
	return listed(ev, list, tokenID), nil
}

// Confirmed remembers when the credential's permissions were confirmed, for the
// proofs of one run. Its zero value is no confirmation. It is not safe for
// concurrent use.
type Confirmed struct{ at time.Time }

// confirmedFor is how long a run may rely on one confirmation.
const confirmedFor = 3 * time.Minute

// GoneAll reads back, as Gone does, whether tokens of one owner are gone, with
// fewer calls: each token is asked for by its id; then the owner is looked up and
// their full list is read, once for all of them. The permissions are confirmed
// before that list unless held says that they were within the last 3 minutes;
// an answer that denies anything ends that confirmation.
//
// It returns what it found out about each token, the list for looking at what
// else is in it (nil where it could not be read), and the first error of a call.
// A token that it could not ask about does not keep it from asking about the
// others, except where Canvas does not answer at all.
func (c *Client) GoneAll(ctx context.Context, accountID, userID string, tokenIDs []string, held *Confirmed) (map[string]GoneEvidence, []Token, error) {
	found := make(map[string]GoneEvidence, len(tokenIDs))
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
		if KindOf(err) == Denied {
			held.at = time.Time{}
		}
	}
	var missing []string
	for _, id := range tokenIDs {
		ev, none, err := c.shown(ctx, userID, id)
		if err != nil {
			note(err)
		}
		if none {
			missing = append(missing, id)
		}
		found[id] = ev
		if Away(err) {
			return found, nil, first
		}
	}
	list, reason, err := c.fullList(ctx, accountID, userID, held)
	if err != nil {
		note(err)
	}
	for _, id := range missing {
		ev := found[id]
		if reason != "" {
			ev.Reason = "Canvas does not find the token" + reason
		} else {
			ev = listed(ev, list, id)
		}
		found[id] = ev
	}
	if reason != "" {
		list = nil
	}
	return found, list, first
}

// Away reports whether err says that Canvas answers nobody just now, or not this
// credential: nothing about what was asked for.
func Away(err error) bool {
	switch KindOf(err) {
	case Throttled, Unreachable, Unauthenticated:
		return true
	}
	return false
}

// shown asks for a token by its id. missing reports a 404, which proves nothing
// by itself.
func (c *Client) shown(ctx context.Context, userID, tokenID string) (ev GoneEvidence, missing bool, err error) {
	ev.At = c.cfg.Now()
	t, err := c.ShowToken(ctx, userID, tokenID)
	switch {
	case err == nil && !SameID(t.UserID, userID):
		ev.Reason = "Canvas shows the token with another owner"
	case err == nil && t.State == StateDeleted:
		ev.Gone, ev.State, ev.Reason = true, t.State, "Canvas says that the token is deleted"
	case err == nil:
		ev.State, ev.Reason = t.State, "Canvas still has the token, in state "+tidy(t.State, nil)
	case KindOf(err) != NotFound:
		ev.Reason = "Canvas could not be asked about the token"
		return ev, false, err
	default:
		return ev, true, nil
	}
	return ev, false, nil
}

// fullList reads an owner's tokens in a way that a token which is not among them
// does not exist. Otherwise reason says what is missing for that, to follow
// "Canvas does not find the token".
func (c *Client) fullList(ctx context.Context, accountID, userID string, held *Confirmed) (list []Token, reason string, err error) {
	owner, err := c.User(ctx, userID)
	switch {
	case KindOf(err) == NotFound:
		return nil, ", nor its owner", nil
	case err != nil:
		return nil, ", and could not be asked about its owner", err
	case !SameID(owner.ID, userID):
		return nil, ", and answers with another person for its owner", nil
	}
	if now := c.cfg.Now(); held == nil || held.at.IsZero() || now.Sub(held.at) >= confirmedFor {
		has, err := c.Permissions(ctx, accountID, gonePermissions...)
		if err != nil {
			return nil, ", and the credential's permissions could not be read", err
		}
		for _, p := range gonePermissions {
			if !has[p] {
				return nil, ", but the credential lacks " + p, nil
			}
		}
		if held != nil {
			held.at = now
		}
	}
	list, err = c.ListTokens(ctx, userID)
	if err != nil {
		return nil, ", and the owner's list could not be read in full", err
	}
	for _, t := range list {
		if !SameID(t.UserID, userID) {
			return nil, ", and its list has tokens of another person", nil
		}
	}
	return list, "", nil
}

// listed looks a token that was not found by its id up in its owner's full list.
func listed(ev GoneEvidence, list []Token, tokenID string) GoneEvidence {
	for _, t := range list {
		switch {
		case !SameID(t.ID, tokenID):
		case t.State == StateDeleted:
			ev.Gone, ev.State, ev.Reason = true, t.State, "Canvas lists the token as deleted"
			return ev
		default:
			ev.State, ev.Reason = t.State, "Canvas does not find the token by its id, but lists it"
			return ev
		}
	}
	ev.Gone = true
	ev.Reason = "Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it"
	return ev
}
