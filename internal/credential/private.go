package credential

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/egress"
	"github.com/tokendesk/tokendesk/internal/store"
)

// privateAge is how long the list of hosts is kept.
const privateAge = time.Minute

// PrivateHosts are the hosts of registrations made with -allow-private, which
// may have private addresses. Nobody else's may. Several may ask at once.
type PrivateHosts struct {
	Store *store.Store
	Now   func() time.Time
	Log   *slog.Logger

	mu    sync.Mutex
	at    time.Time
	hosts map[string]bool
}

// Has reports whether a host may have a private address. What it has read
// holds for a minute. What cannot be read is no.
func (p *PrivateHosts) Has(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := p.Now().Sub(p.at); p.at.IsZero() || age < 0 || age >= privateAge {
		hosts, err := p.read()
		if err != nil {
			p.Log.Error("the registrations could not be read; no private address is reached", "err", err)
			return false
		}
		p.hosts, p.at = hosts, p.Now()
	}
	return p.hosts[strings.ToLower(host)]
}

// Forget makes the next question read the registrations anew.
func (p *PrivateHosts) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Time{}
}

func (p *PrivateHosts) read() (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), egress.DialTimeout)
	defer cancel()
	hosts := map[string]bool{}
	err := p.Store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Platforms()
		for _, one := range all {
			if !one.AllowPrivate || one.Disabled {
				continue
			}
			for _, raw := range append([]string{one.Registration.TokenURL, one.Registration.KeySetURL}, one.CanvasURLs...) {
				if u, err := url.Parse(raw); err == nil {
					hosts[strings.ToLower(u.Hostname())] = true
				}
			}
		}
		return err
	})
	return hosts, err
}
