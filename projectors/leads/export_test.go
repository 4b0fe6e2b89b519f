package leads

// The look-ups before every batch. Their plans are promises of their own.
const (
	PhonesNear = phonesNear
	OpenersOf  = openersOf
)
