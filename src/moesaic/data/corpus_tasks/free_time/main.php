<?php

declare(strict_types=1);

function toMinutes(string $clock): int
{
    [$hours, $minutes] = sscanf($clock, '%d:%d');
    return 60 * $hours + $minutes;
}

function freeTime(array $meetings): int
{
    sort($meetings);
    $free = 0;
    $busyUntil = toMinutes('09:00');
    foreach ($meetings as [$start, $end]) {
        $free += max(0, $start - $busyUntil);
        $busyUntil = max($busyUntil, $end);
    }
    return $free + toMinutes('17:00') - $busyUntil;
}

$meetings = [];
foreach (file('php://stdin') as $line) {
    $meetings[] = array_map(toMinutes(...), explode('-', $line));
}
echo freeTime($meetings), PHP_EOL;
