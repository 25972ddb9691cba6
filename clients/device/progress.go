package device

// Progress is how far a conversation with the centre has come.
type Progress struct {
	Sent     int   // changesets offered
	Verdicts int   // verdicts filed
	Rows     int   // rows staged in this step
	Percent  int   // of the step that is running, 0 to 100; 100 = at the head
	In, Out  int64 // bytes received and sent, where the transport counts them
}
