package pgkit

// SessionParams is what every connection asks the server for.
func (cfg Config) SessionParams() (map[string]string, error) {
	pc, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	return pc.ConnConfig.RuntimeParams, nil
}
