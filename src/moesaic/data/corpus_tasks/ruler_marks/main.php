<?php

declare(strict_types=1);

function rulerMarks(int $depth): array
{
    if ($depth === 0) {
        return [];
    }
    $half = rulerMarks($depth - 1);
    return [...$half, str_repeat('-', $depth), ...$half];
}

$depth = (int) fgets(STDIN);
echo implode(PHP_EOL, rulerMarks($depth)), PHP_EOL;
