package web

import (
	"context"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// collectVerb is a verb of the workflow whose answer is the collect page.
type collectVerb func(ctx context.Context, caller access.Caller, id string) (workflow.Collection, error)

// collectPage shows where the collection stands. It never holds a value.
func (s *Server) collectPage(v *visit) error {
	c, err := s.work.CollectPage(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return v.collection(http.StatusOK, c, nil)
}

// collecting answers a press on the collect page: Create my token, Check again,
// or I lost it. The answer of the first is the one page that ever holds a
// value: it is rendered once, sent once, and neither logged nor kept.
func (s *Server) collecting(do access.Action, verb collectVerb) handler {
	return func(v *visit) error {
		c, err := verb(v.ctx(), v.sess.Caller, v.id)
		why := access.WhyOf(err)
		switch {
		case err == nil:
			return v.collection(http.StatusOK, c, func(sh Shell) *Banner {
				if do != access.Replace {
					return nil
				}
				return ResultBanner(sh, do, c.Case)
			})
		case why == "":
			return err
		}
		c, again := s.work.CollectPage(v.ctx(), v.sess.Caller, v.id)
		if again != nil {
			return err
		}
		return v.collection(statusOf(err), c, func(sh Shell) *Banner { return RefusedBanner(sh, why, &c.Case) })
	}
}

func (v *visit) collection(status int, c workflow.Collection, banner func(Shell) *Banner) error {
	return show(v, status, PageCollect, nil, func(sh Shell) CollectPage {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewCollectPage(sh, c)
	})
}

// collectStatus answers the poll of an open collect page.
func (s *Server) collectStatus(v *visit) error {
	c, err := s.work.CollectPage(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return v.fragment(PageCollectStatus, NewCollectStatus(v.bare(), c))
}
