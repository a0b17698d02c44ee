"""Documents: what hospitals and municipalities share, each with its metadata and its content.

Source: the institutions themselves, by their personnel or their systems. Personnel and citizens read; what the patient
has restricted (NORS) is withheld from personnel without an elevated basis, what is refused or delayed for the citizen
(NORN_*, NORU) does not exist for citizens.

Content is stored in rows of 256 KiB, each encrypted under the patient's own key, which is stored wrapped by a key that
is not in the database (`KJ_DOCUMENT_KEY_FILE`). Without that file the database's documents are noise, and deleting one
key row makes noise of one patient's.

An upload's rows are stored as they come and are invisible: nothing leads to them before the one transaction that ends
the upload stores the document and the row that names them. A transaction over the whole upload would do the same, and
would hold one of few connections for as long as a slow sender likes. What a crash leaves is known by its row in
`uploads`, and is thrown away by a later upload.
"""
