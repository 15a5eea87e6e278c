<?php

declare(strict_types=1);

function binaryGap(int $number): int
{
    $digits = trim(decbin($number), '0');
    $gaps = explode('1', $digits);
    return max(array_map(strlen(...), $gaps));
}

echo binaryGap((int) fgets(STDIN)), PHP_EOL;
