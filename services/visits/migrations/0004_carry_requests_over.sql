{include carry_requests_over.sql}
