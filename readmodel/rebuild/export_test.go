package rebuild

// Shrink makes the bounds so small that a log of some hundred events has many segments, flushes and passes.
func Shrink() { segmentEvents, streamsMax, flushBytes = 50, 60, 4<<10 }
