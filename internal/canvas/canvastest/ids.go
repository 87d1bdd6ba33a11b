package canvastest

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// shardFactor makes a global id: shard × 10^13 + local id.
const shardFactor = 10_000_000_000_000

// parseIDLocked reads a local, global or shard~local id and makes it local
// where it belongs to this domain's own shard. 0 means unreadable.
func (w *World) parseIDLocked(raw string) ID {
	shard, local, short := strings.Cut(raw, "~")
	if short {
		s, err1 := strconv.ParseInt(shard, 10, 32)
		l, err2 := strconv.ParseInt(local, 10, 64)
		if err1 != nil || err2 != nil || s <= 0 || l <= 0 || l >= shardFactor {
			return 0
		}
		return w.localLocked(ID(s*shardFactor + l))
	}
	id, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || id <= 0 {
		return 0
	}
	return w.localLocked(ID(id))
}

func (w *World) localLocked(id ID) ID {
	if id/shardFactor == ID(w.shard) {
		return id % shardFactor
	}
	return id
}

// globalLocked is the id that is unique over all shards.
func (w *World) globalLocked(id ID) ID {
	if id < shardFactor {
		return ID(w.shard)*shardFactor + id
	}
	return id
}

// findUserLocked looks up "self", a number or a prefixed id (lib/api.rb).
// Deleted users are not found, and neither is a merged user by the old LTI
// 1.3 id.
func (w *World) findUserLocked(raw string, self *User) *User {
	if raw == "self" {
		return self
	}
	living := func(match func(*User) bool) *User {
		return w.users.find(func(u *User) bool { return u.State != StateDeleted && match(u) })
	}
	prefix, value, prefixed := cutPrefixedID(raw)
	if !prefixed {
		id := w.parseIDLocked(raw)
		return living(func(u *User) bool { return u.ID == id })
	}
	byLogin := func(match func(*Login) bool) *User {
		l := w.logins.find(func(l *Login) bool { return l.State != StateDeleted && value != "" && match(l) })
		if l == nil {
			return nil
		}
		return living(func(u *User) bool { return u.ID == l.UserID })
	}
	switch prefix {
	case "sis_user_id":
		return byLogin(func(l *Login) bool { return l.SISID == value })
	case "sis_login_id":
		return byLogin(func(l *Login) bool { return strings.EqualFold(l.UniqueID, value) })
	case "sis_integration_id":
		return byLogin(func(l *Login) bool { return l.IntegrationID == value })
	case "lti_user_id":
		return living(func(u *User) bool {
			return u.LTI11ID == value ||
				slices.ContainsFunc(u.Past, func(p PastIdentity) bool { return p.LTI11ID == value })
		})
	case "lti_context_id", "lti_1_1_id":
		return living(func(u *User) bool { return u.LTI11ID == value })
	case "lti_1_3_id":
		return living(func(u *User) bool { return u.LTIID == value })
	case "uuid":
		return living(func(u *User) bool { return u.UUID == value })
	}
	return nil
}

// cutPrefixedID splits "sis_user_id:S1" and decodes the hex variants.
func cutPrefixedID(raw string) (prefix, value string, prefixed bool) {
	rest, isHex := strings.CutPrefix(raw, "hex:")
	prefix, value, prefixed = strings.Cut(rest, ":")
	if isHex && prefixed {
		decoded, err := hex.DecodeString(value)
		if err != nil {
			return prefix, "", true
		}
		value = string(decoded)
	}
	return prefix, value, prefixed
}

func (w *World) findAccountLocked(raw string) *Account {
	switch raw {
	case "self", "default":
		return w.rootLocked()
	case "site_admin":
		return w.accounts.find(func(a *Account) bool { return a.SiteAdmin })
	}
	match := func(a *Account) bool { return false }
	if prefix, value, prefixed := cutPrefixedID(raw); prefixed {
		switch prefix {
		case "sis_account_id":
			match = func(a *Account) bool { return a.SISID != "" && a.SISID == value }
		case "lti_context_id":
			match = func(a *Account) bool { return a.ContextID == value }
		}
	} else {
		id := w.parseIDLocked(raw)
		match = func(a *Account) bool { return a.ID == id }
	}
	return w.accounts.find(func(a *Account) bool { return a.State == StateActive && match(a) })
}

func (w *World) findCourseLocked(raw string) *Course {
	match := func(c *Course) bool { return false }
	if prefix, value, prefixed := cutPrefixedID(raw); prefixed {
		switch prefix {
		case "sis_course_id":
			match = func(c *Course) bool { return c.SISID != "" && c.SISID == value }
		case "lti_context_id":
			match = func(c *Course) bool { return c.ContextID == value }
		}
	} else {
		id := w.parseIDLocked(raw)
		match = func(c *Course) bool { return c.ID == id }
	}
	return w.courses.find(func(c *Course) bool { return c.State != StateDeleted && match(c) })
}
