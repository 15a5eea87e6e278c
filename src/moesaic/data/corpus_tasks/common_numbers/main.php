<?php

declare(strict_types=1);

function commonNumbers(array $first, array $second): int
{
    return count(array_intersect_key(array_flip($first), array_flip($second)));
}

$first = explode(' ', trim(fgets(STDIN)));
$second = explode(' ', trim(fgets(STDIN)));
echo commonNumbers($first, $second), PHP_EOL;
