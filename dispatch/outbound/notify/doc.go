// Package notify tells people outside: mail through an SMTP server, texts through
// a webhook of whoever sends them. It is behind the port dispatch.Messenger; the
// delivery loop of the workers calls it and nothing else does.
//
// It writes and hands over one message at a time. Whom to tell, whether he may be
// told, and when to try again is decided by its caller; nothing is stored here.
// Errors and receipts name no person: they end in rows and logs.
package notify
