package embedded

import "testing"

// Nobody is left to end the server, so the kernel does.
func TestTheServerEndsWithItsOwner(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	keepAndStop(t, dir)
	server := killOwner(t, dir)

	clusters, err := clusterMajors(dir)
	if err != nil || len(clusters) != 1 {
		t.Fatalf("clusters %v, %v", clusters, err)
	}
	ended, err := awaitEnd(t.Context(), server, dir+"/"+clusterName(clusters[0]), patient)
	if !ended || err != nil {
		t.Errorf("the server outlived its owner: %v", err)
	}
}
