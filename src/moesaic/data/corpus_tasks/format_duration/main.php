<?php

declare(strict_types=1);

const UNITS = ['d' => 86400, 'h' => 3600, 'm' => 60, 's' => 1];

function formatDuration(int $seconds): string
{
    $parts = [];
    foreach (UNITS as $unit => $length) {
        if ($seconds >= $length) {
            $parts[] = intdiv($seconds, $length) . $unit;
            $seconds %= $length;
        }
    }
    return $parts === [] ? '0s' : implode(' ', $parts);
}

$seconds = (int) fgets(STDIN);
echo formatDuration($seconds), PHP_EOL;
