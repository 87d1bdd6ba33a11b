package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// readyWithin bounds the question whether this process can serve.
const readyWithin = 3 * time.Second

// healthy answers while the process lives.
func (s *Server) healthy(c *gin.Context) { c.String(http.StatusOK, "ok\n") }

// readiness answers 200 only while database, schema and keys are usable, and
// else 503 with the reason.
func (s *Server) readiness(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyWithin)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		s.log.WarnContext(ctx, "not ready", "err", err)
		c.String(http.StatusServiceUnavailable, "%s\n", err.Error())
		return
	}
	c.String(http.StatusOK, "ready\n")
}
