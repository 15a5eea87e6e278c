<?php

declare(strict_types=1);

const NAMES = ['Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'];

function weekdayOfDate(int $year, int $month, int $day): string
{
    if ($month < 3) {
        $month += 12;
        $year--;
    }
    $leapDays = intdiv($year, 4) - intdiv($year, 100) + intdiv($year, 400);
    $days = $day + intdiv(13 * ($month + 1), 5) + $year + $leapDays;
    return NAMES[$days % 7];
}

[$year, $month, $day] = fscanf(STDIN, '%d %d %d');
echo weekdayOfDate($year, $month, $day), PHP_EOL;
