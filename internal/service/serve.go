package service

import (
	"context"
	"log/slog"
	"net"

	"passbook/internal/supervise"
)

// server is an HTTP API: *httpapi.Server.
type server interface {
	Run(ctx context.Context, listener net.Listener) error
}

// serve opens the address and adds the server.
func (s *Service) serve(ctx context.Context, api server, address string, log *slog.Logger) error {
	listener, err := Listen(ctx, address)
	if err != nil {
		return err
	}
	s.Addr = listener.Addr()
	log.Info("listening", "service", s.Name, "address", s.Addr.String())
	s.add("http", supervise.Servers, func(ctx context.Context) error { return api.Run(ctx, listener) })
	return nil
}
