package lease

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed queries/announce.sql
var announceSQL string

//go:embed queries/announcement.sql
var announcementSQL string

// Announce tells the other stakes in this lease how to reach the holder: note, of at most 4 KiB, is for those alone whose
// database role may read it. It is for lead to call; it fails with ErrLost when somebody else has the lease by now.
func (l *Lease) Announce(ctx context.Context, epoch int64, note []byte) error {
	tag, err := l.pool.Exec(ctx, announceSQL, l.name, l.holder, epoch, note)
	if err != nil {
		return fmt.Errorf("announce the holder of lease %s: %w", l.name, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("announce the holder of lease %s: %w", l.name, ErrLost)
	}
	return nil
}

// Announcement is what the present holder announced, and under which epoch; 0 while nobody holds the lease, or its holder has
// not announced anything yet.
func (l *Lease) Announcement(ctx context.Context) (epoch int64, note []byte, err error) {
	err = l.pool.QueryRow(ctx, announcementSQL, l.name).Scan(&epoch, &note)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read what the holder of lease %s announced: %w", l.name, err)
	}
	return epoch, note, nil
}
