package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// servePage answers with the document as a page for people.
func (s *Server) servePage(c echo.Context) error {
	page, err := s.page()
	if err != nil {
		return err
	}
	c.Response().Header()["Content-Security-Policy"] = []string{page.Policy}
	return c.Blob(http.StatusOK, "text/html; charset=utf-8", page.HTML)
}
