"""CalDAV on the embedded Radicale: storage, auth, rights, and an application with the methods of ours."""
