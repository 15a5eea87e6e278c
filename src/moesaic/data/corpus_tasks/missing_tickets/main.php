<?php

declare(strict_types=1);

function missingTickets(array $tickets): array
{
    $expected = range(min($tickets), max($tickets));
    return array_diff($expected, $tickets);
}

$tickets = array_map(intval(...), explode(' ', fgets(STDIN)));
$missing = missingTickets($tickets) ?: ['complete'];
echo implode(PHP_EOL, $missing), PHP_EOL;
