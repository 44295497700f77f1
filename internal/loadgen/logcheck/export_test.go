package logcheck

import "context"

// Compare is the comparison of acknowledgements alone, on a log of any events.
func (d *Database) Compare(ctx context.Context, acksFile string) (Acknowledgements, error) {
	acks, err := readAcks(acksFile)
	if err != nil {
		return Acknowledgements{}, err
	}
	return d.compare(ctx, acks)
}
