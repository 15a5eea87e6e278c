<?php

declare(strict_types=1);

function accountBalance(array $bookings): int
{
    $balance = 0;
    foreach ($bookings as $booking) {
        if ($balance + $booking >= 0) {
            $balance += $booking;
        }
    }
    return $balance;
}

$bookings = array_map(intval(...), explode(' ', fgets(STDIN)));
echo accountBalance($bookings), PHP_EOL;
