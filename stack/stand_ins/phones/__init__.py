"""Stand-ins for Twilio, WhatsApp, FCM and a browser's push service; they run in the inbox's process."""
