package desk

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// CacheSize is how many answers are kept.
const CacheSize = cacheSize

// Kept counts the answers that are kept.
func (d *Desk) Kept() int { return d.cache.kept().Len() }

// FailedAt is when a tenant's Canvas last did not answer.
func (d *Desk) FailedAt(t access.TenantID) time.Time { return d.failed[t] }
